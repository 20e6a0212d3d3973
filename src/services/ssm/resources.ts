/** AWS::SSM::Parameter. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html */
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";

const tagsOf = (context: ResourceContext, properties: ResourceProperties): Record<string, string> => ({
  ...context.tags,
  ...properties?.Tags,
});

const list = (tags: Readonly<Record<string, string>>) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** A template may not hold a secure string. */
function checkType({ Type }: ResourceProperties): void {
  if (Type === "SecureString") {
    throw new AwsError("ValidationException", "AWS::SSM::Parameter does not support the type SecureString.");
  }
}

const put = (context: ResourceContext, Name: string, properties: ResourceProperties, more: object) =>
  context.call("ssm", "PutParameter", {
    Name,
    Type: properties.Type,
    Value: properties.Value,
    Description: properties.Description ?? "",
    Tier: properties.Tier,
    DataType: properties.DataType,
    AllowedPattern: properties.AllowedPattern ?? "",
    ...more,
  } as InputOf<"ssm", "PutParameter">);

const stateOf = (id: string, { Type, Value }: ResourceProperties): ResourceState => ({
  id,
  attributes: { Type, Value },
});

const parameter: ResourceType = {
  properties: {
    Name: "string",
    Type: "string",
    Value: "string",
    Description: "string",
    AllowedPattern: "string",
    DataType: "string",
    Tier: "string",
    Tags: { map: "string" },
  },
  required: ["Type", "Value"],
  replacement: ["Name", "Type"],
  nameProperty: "Name",
  attributes: ["Type", "Value"],
  async create(context, properties) {
    checkType(properties);
    const Name: string = properties.Name ?? context.physicalName(128).replace(/^(aws|ssm)/i, "CFN-$1");
    await put(context, Name, properties, { Tags: list(tagsOf(context, properties)) });
    return stateOf(Name, properties);
  },
  async update(context, id, properties, previous) {
    await put(context, id, properties, { Overwrite: true });
    const tags = tagsOf(context, properties);
    const at = { ResourceType: "Parameter" as const, ResourceId: id };
    const TagKeys = Object.keys(tagsOf(context, previous)).filter((name) => !Object.hasOwn(tags, name));
    if (TagKeys.length > 0) await context.call("ssm", "RemoveTagsFromResource", { ...at, TagKeys });
    if (Object.keys(tags).length > 0) await context.call("ssm", "AddTagsToResource", { ...at, Tags: list(tags) });
    return stateOf(id, properties);
  },
  async delete(context, id) {
    await context.call("ssm", "DeleteParameter", { Name: id }).catch((error: unknown) => {
      if (!(error instanceof AwsError && error.code === "ParameterNotFound")) throw error;
    });
  },
};

export const resources = { "AWS::SSM::Parameter": parameter } as const;
