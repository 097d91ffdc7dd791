import { describe } from "vitest";
import { claimingContract } from "./contract-claiming.ts";
import { deletingContract } from "./contract-deleting.ts";
import { leasesContract } from "./contract-leases.ts";
import { namesContract } from "./contract-names.ts";
import { outcomesContract } from "./contract-outcomes.ts";
import type { MakeFixture } from "./fixture.ts";

/**
 * What every `DeliveryBus` must do. `make` gives a new, empty bus with a guard of `SAMPLE_GUARD`.
 *
 * @example
 * deliveryBusContract("memory", makeMyFixture)
 */
export const deliveryBusContract = (name: string, make: MakeFixture): void => {
  describe(`DeliveryBus: ${name}`, () => {
    claimingContract(make);
    leasesContract(make);
    outcomesContract(make);
    namesContract(make);
    deletingContract(make);
  });
};
