import type { Api, Examine } from "@drayage/oci-core";
import * as Effect from "effect/Effect";
import { readAccount } from "./wire.ts";

/** Below this the next large image does not fit. */
const QUOTA_LOW_BYTES = 10 * 1024 ** 3;

/** For `dray doctor`: what only Acme has. Pull, push, credentials and clock are tried for every registry. */
export const examine =
  (api: Api): Examine =>
  ({ isTarget }) =>
    Effect.map(
      api.call({
        operation: "GET api/account",
        reference: "account",
        method: "GET",
        path: "account",
        read: readAccount,
      }),
      ({ quotaLeftBytes }) =>
        isTarget && quotaLeftBytes < QUOTA_LOW_BYTES
          ? [
              {
                severity: "warning",
                key: "url",
                what: `the account has ${Math.round(quotaLeftBytes / 1024 ** 3)} GiB left`,
                mend: "Ask Acme for more, or delete what is old",
              },
            ]
          : [],
    );
