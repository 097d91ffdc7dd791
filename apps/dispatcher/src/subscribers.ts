import { EVENT_TYPES } from "@drayage/domain";

/** Whose checkpoint it is: the deliveries of one target, or the rescans of all registries. Names in table `checkpoint`; never change them. */
export const targetSubscriber = (target: string): string => `dispatch/${target}`;
/** Without the slash, so that a target that is called `rescans` has a checkpoint of its own. */
export const RESCANS_SUBSCRIBER = "dispatch-rescans";

/** Events that `fanOut` makes deliveries or referrers of. Others (our own outcomes above all) are not even read. */
export const TARGET_TYPES: ReadonlyArray<string> = [
  EVENT_TYPES.ImagePushed,
  EVENT_TYPES.TagDeleted,
  EVENT_TYPES.ImagePromoted,
  EVENT_TYPES.ReferrerPushed,
  EVENT_TYPES.DriftFound,
  EVENT_TYPES.ReplayRequested,
];
/** Events that `fanOut` makes rescans of. */
export const RESCAN_TYPES: ReadonlyArray<string> = [EVENT_TYPES.RescanRequested, EVENT_TYPES.ImagePromoted];
