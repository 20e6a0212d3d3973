/** Where a deployed application can be reached on this machine, by the addresses of DESIGN's table. */
import type { StackResource } from "@aws-sdk/client-cloudformation";
import { resourcesOf, type Template } from "./template.ts";

export interface Address {
  readonly what: string;
  readonly url: string;
}

/** @param endpoint base URL of the platform; its port is the port of every other name */
export function addressesOf(template: Template, resources: readonly StackResource[], endpoint: string): Address[] {
  const { port } = new URL(endpoint);
  const suffix = port === "" ? "" : `:${port}`;
  const websites = new Set(
    resourcesOf(template)
      .filter(({ type, node }) => type === "AWS::S3::Bucket" && node.hasIn(["Properties", "WebsiteConfiguration"]))
      .map(({ logicalId }) => logicalId),
  );
  const restApis = resources.filter(({ ResourceType }) => ResourceType === "AWS::ApiGateway::RestApi");
  const addresses: Address[] = [];
  for (const { LogicalResourceId, ResourceType, PhysicalResourceId } of resources) {
    if (!PhysicalResourceId) continue;
    switch (ResourceType) {
      case "AWS::S3::Bucket":
        if (websites.has(LogicalResourceId!)) {
          addresses.push({
            what: `website ${LogicalResourceId}`,
            url: `http://${PhysicalResourceId}.s3-website.localhost${suffix}/`,
          });
        }
        break;
      case "AWS::ApiGatewayV2::Api":
        addresses.push({
          what: `API ${LogicalResourceId}`,
          url: `http://${PhysicalResourceId}.execute-api.localhost${suffix}/`,
        });
        break;
      case "AWS::ApiGateway::Stage":
        // A stage does not name its API; with a single one there is no doubt.
        if (restApis.length === 1) {
          const api = restApis[0]!;
          addresses.push({
            what: `API ${api.LogicalResourceId}`,
            url: `http://${api.PhysicalResourceId}.execute-api.localhost${suffix}/${PhysicalResourceId}/`,
          });
        }
        break;
    }
  }
  // What a person opens first comes first.
  return addresses.sort((a, b) => Number(b.what.startsWith("website")) - Number(a.what.startsWith("website")));
}
