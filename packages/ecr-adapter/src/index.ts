/** Amazon ECR (`type: ecr`): tokens, repositories, listing and deletion by the AWS API, EventBridge events. */
export { ecrAdapter } from "./adapter.ts";
export type { AwsAuth, CreateRepositories, EcrOptions } from "./options.ts";
