/** ECS's errors: code, status, text. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html and each operation's page */
import { AwsError } from "../../kernel/errors.ts";

export const invalidParameter = (message: string) => new AwsError("InvalidParameterException", message);
export const clientException = (message: string) => new AwsError("ClientException", message);
export const clusterNotFound = () => new AwsError("ClusterNotFoundException", "Cluster not found.");
export const clusterContainsServices = () =>
  new AwsError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.");
export const clusterContainsTasks = () =>
  new AwsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.");
export const serviceNotFound = () => new AwsError("ServiceNotFoundException", "Service not found.");
export const serviceNotActive = () => new AwsError("ServiceNotActiveException", "Service was not ACTIVE.");
export const notIdempotent = () => invalidParameter("Creation of service was not idempotent.");
export const taskNotFound = () => invalidParameter("The referenced task was not found.");
export const resourceNotFound = (message: string) => new AwsError("ResourceNotFoundException", message);
export const targetNotConnected = () =>
  new AwsError(
    "InvalidParameterException",
    "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.",
  );
export const tokenInUse = (resourceIds: readonly string[]) =>
  new AwsError(
    "ConflictException",
    "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request.",
    400,
    { resourceIds },
  );
/** No engine to run tasks on. */
export const noEngine = (message: string, remedy: string) => clientException(`${message} ${remedy}`);
