import * as Context from "effect/Context";
import type { DeliveryBus } from "./bus.ts";

/** The `DeliveryBus` of a process. */
export class Bus extends Context.Service<Bus, DeliveryBus>()("@drayage/delivery/Bus") {}
