import { RegistryError, type RegistryReason } from "@drayage/oci-core";

/** An error of our own making: nothing was asked, or the answer was a no in a success. */
export const refusal = (
  registry: string,
  operation: string,
  reference: string,
  detail: string,
  reason: RegistryReason = "invalid-request",
): RegistryError => new RegistryError({ registry, operation, reference, reason, detail });
