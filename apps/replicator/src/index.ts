export { remoteReplicator } from "./remote.ts";
export { type Replicate, replicate } from "./replicate.ts";
export { type ReplicatorOptions, replicator } from "./replicator.ts";
export { type WorkOptions, work } from "./work.ts";
