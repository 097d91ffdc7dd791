/** For tests and demonstrations: Amazon ECR in this process. */

export type { TestQueue } from "./queue.ts";
export { type Ecr, type EcrPersonality, startEcr } from "./start-ecr.ts";
