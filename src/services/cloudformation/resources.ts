/** CloudFormation's own resource types. */
import type { ResourceType } from "../resources.ts";
import { nestedStack } from "./engine/nested.ts";

/** What the CDK tells AWS about the libraries a template was made with: nothing is made of it, there or here. */
const cdkMetadata: ResourceType = {
  properties: { Analytics: "string", Modules: "string" },
  attributes: [],
  async create(context) {
    return { id: context.physicalName(128), attributes: {} };
  },
  async update(_context, id) {
    return { id, attributes: {} };
  },
  async delete() {},
};

export const resources = { "AWS::CDK::Metadata": cdkMetadata, "AWS::CloudFormation::Stack": nestedStack } as const;
