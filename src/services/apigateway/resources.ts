/**
 * CloudFormation resource types of REST APIs, as calls to the operations; one file a group in `resources/`.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html
 */
import type { ResourceType } from "../resources.ts";
import { gatewayResources } from "./resources/gateway.ts";
import { methodResource } from "./resources/method.ts";
import { planResources } from "./resources/plans.ts";
import { accountResource, pathResource, restApi } from "./resources/rest-api.ts";
import { stageResources } from "./resources/stages.ts";

export const resources: Readonly<Record<`AWS::${string}`, ResourceType>> = {
  "AWS::ApiGateway::Account": accountResource,
  "AWS::ApiGateway::Method": methodResource,
  "AWS::ApiGateway::Resource": pathResource,
  "AWS::ApiGateway::RestApi": restApi,
  ...gatewayResources,
  ...planResources,
  ...stageResources,
};
