/** Elastic Load Balancing's errors. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html */
import { AwsError } from "../../kernel/errors.ts";

export const validation = (message: string) => new AwsError("ValidationError", message);
export const loadBalancerNotFound = (names?: readonly string[]) =>
  new AwsError(
    "LoadBalancerNotFoundException",
    names === undefined ? "One or more load balancers not found" : `Load balancers '[${names.join(", ")}]' not found`,
  );
export const targetGroupNotFound = (names?: readonly string[]) =>
  new AwsError(
    "TargetGroupNotFoundException",
    names === undefined ? "One or more target groups not found" : `Target groups '[${names.join(", ")}]' not found`,
  );
export const listenerNotFound = () => new AwsError("ListenerNotFoundException", "One or more listeners not found");
export const ruleNotFound = () => new AwsError("RuleNotFoundException", "One or more rules not found");
export const duplicateLoadBalancer = (name: string) =>
  new AwsError(
    "DuplicateLoadBalancerNameException",
    `A load balancer with the same name '${name}' exists, but with different settings`,
  );
export const duplicateTargetGroup = (name: string) =>
  new AwsError(
    "DuplicateTargetGroupNameException",
    `A target group with the same name '${name}' exists, but with different settings`,
  );
export const duplicateListener = (loadBalancer: string) =>
  new AwsError(
    "DuplicateListenerException",
    `A listener already exists on this port for this load balancer '${loadBalancer}'`,
  );
export const priorityInUse = (priority: number) =>
  new AwsError("PriorityInUseException", `Priority '${priority}' is currently in use`);
export const resourceInUse = (targetGroup: string) =>
  new AwsError("ResourceInUseException", `Target group '${targetGroup}' is currently in use by a listener or a rule`);
export const notPermitted = (message: string) => new AwsError("OperationNotPermittedException", message);
export const associationLimit = (targetGroup: string) =>
  new AwsError(
    "TargetGroupAssociationLimitException",
    `The following target groups cannot be associated with more than one load balancer: ${targetGroup}`,
  );
export const invalidTarget = (message: string) => new AwsError("InvalidTargetException", message);
export const invalidConfiguration = (message: string) => new AwsError("InvalidConfigurationRequestException", message);
