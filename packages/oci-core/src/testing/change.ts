import type { Exchange } from "./exchange.ts";
import type { Pointer } from "./manifest-check.ts";

/** Something that a client changed over HTTP. Changes by hand (drift) make none. */
export interface RegistryChange {
  readonly action: "push" | "mount" | "delete" | "pull";
  readonly what: "manifest" | "blob" | "tag";
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
  readonly mediaType?: string | undefined;
  readonly size?: number | undefined;
  readonly references?: ReadonlyArray<Pointer> | undefined;
  /** Only of `mount`. */
  readonly fromRepository?: string | undefined;
  /** The request that did it. */
  readonly by: Exchange;
}
