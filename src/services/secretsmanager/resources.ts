/** AWS::SecretsManager types. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecretsManager.html */
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import { invalidRequest } from "./errors.ts";

const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;

const gone = (error: unknown): void => {
  if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
};

const tagsOf = (context: ResourceContext, properties: ResourceProperties): { Key: string; Value: string }[] => {
  const own = ((properties?.Tags ?? []) as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]);
  const all: Record<string, string> = { ...context.tags, ...Object.fromEntries(own) };
  return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
};

/** The text that a secret is to hold: given, or made by chance, alone or as a member of a JSON object. */
async function textOf(context: ResourceContext, properties: ResourceProperties): Promise<string | undefined> {
  const { SecretString, GenerateSecretString: generate } = properties;
  if (generate === undefined) return SecretString;
  if (SecretString !== undefined) {
    throw invalidRequest("You can't specify both SecretString and GenerateSecretString.");
  }
  const { SecretStringTemplate, GenerateStringKey, ...wanted } = generate;
  const { RandomPassword } = await context.call("secretsmanager", "GetRandomPassword", wanted);
  if (SecretStringTemplate === undefined && GenerateStringKey === undefined) return RandomPassword;
  if (SecretStringTemplate === undefined || GenerateStringKey === undefined) {
    throw invalidRequest("SecretStringTemplate and GenerateStringKey must be specified together.");
  }
  let template: unknown;
  try {
    template = JSON.parse(SecretStringTemplate);
  } catch {
    throw invalidRequest("Could not parse SecretStringTemplate JSON");
  }
  return JSON.stringify({ ...(template as object), [GenerateStringKey]: RandomPassword });
}

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

const secret: ResourceType = {
  properties: {
    Name: "string",
    Description: "string",
    SecretString: "string",
    GenerateSecretString: {
      object: {
        ExcludeCharacters: "string",
        ExcludeLowercase: "boolean",
        ExcludeNumbers: "boolean",
        ExcludePunctuation: "boolean",
        ExcludeUppercase: "boolean",
        GenerateStringKey: "string",
        IncludeSpace: "boolean",
        PasswordLength: "integer",
        RequireEachIncludedType: "boolean",
        SecretStringTemplate: "string",
      },
    },
    Tags: TAGS,
  },
  replacement: ["Name"],
  nameProperty: "Name",
  attributes: ["Id"],
  async create(context, properties) {
    const Name: string = properties.Name ?? context.physicalName(128);
    const SecretString = await textOf(context, properties);
    const Tags = tagsOf(context, properties);
    const { ARN } = await context.call("secretsmanager", "CreateSecret", {
      Name,
      Description: properties.Description,
      SecretString,
      Tags,
    });
    return { id: ARN!, attributes: { Id: ARN! } };
  },
  async update(context, id, properties, previous) {
    const isNew =
      properties.SecretString !== previous.SecretString ||
      !same(properties.GenerateSecretString, previous.GenerateSecretString);
    const SecretString = isNew ? await textOf(context, properties) : undefined;
    await context.call("secretsmanager", "UpdateSecret", {
      SecretId: id,
      Description: properties.Description ?? "",
      ...(SecretString === undefined ? {} : { SecretString }),
    });
    const Tags = tagsOf(context, properties);
    const TagKeys = tagsOf(context, previous)
      .map(({ Key }) => Key)
      .filter((name) => !Tags.some(({ Key }) => Key === name));
    if (TagKeys.length > 0) await context.call("secretsmanager", "UntagResource", { SecretId: id, TagKeys });
    if (Tags.length > 0) await context.call("secretsmanager", "TagResource", { SecretId: id, Tags });
    return { id, attributes: { Id: id } };
  },
  async delete(context, id) {
    await context
      .call("secretsmanager", "DeleteSecret", { SecretId: id, ForceDeleteWithoutRecovery: true })
      .catch(gone);
  },
};

const policy: ResourceType = {
  properties: { SecretId: "string", ResourcePolicy: "json", BlockPublicPolicy: "boolean" },
  required: ["ResourcePolicy", "SecretId"],
  replacement: ["SecretId"],
  attributes: ["Id"],
  create: (context, properties) => setPolicy(context, properties),
  update: (context, _id, properties) => setPolicy(context, properties),
  async delete(context, id) {
    await context.call("secretsmanager", "DeleteResourcePolicy", { SecretId: id }).catch(gone);
  },
};

async function setPolicy(context: ResourceContext, properties: ResourceProperties): Promise<ResourceState> {
  const { SecretId, ResourcePolicy: document, BlockPublicPolicy } = properties;
  const ResourcePolicy = typeof document === "string" ? document : JSON.stringify(document);
  const input = { SecretId, ResourcePolicy, BlockPublicPolicy };
  const { ARN } = await context.call("secretsmanager", "PutResourcePolicy", input);
  return { id: ARN!, attributes: { Id: ARN! } };
}

const rotationSchedule: ResourceType = {
  properties: {
    SecretId: "string",
    RotationLambdaARN: "string",
    RotateImmediatelyOnUpdate: "boolean",
    RotationRules: { object: { AutomaticallyAfterDays: "integer", Duration: "string", ScheduleExpression: "string" } },
  },
  required: ["SecretId"],
  replacement: ["SecretId"],
  attributes: ["Id"],
  create: (context, properties) => rotate(context, properties),
  update: (context, _id, properties) => rotate(context, properties),
  async delete(context, id) {
    await context.call("secretsmanager", "CancelRotateSecret", { SecretId: id }).catch(gone);
  },
};

async function rotate(context: ResourceContext, properties: ResourceProperties): Promise<ResourceState> {
  const { ARN } = await context.call("secretsmanager", "RotateSecret", {
    SecretId: properties.SecretId,
    RotationLambdaARN: properties.RotationLambdaARN,
    RotationRules: properties.RotationRules,
    RotateImmediately: properties.RotateImmediatelyOnUpdate ?? true,
  });
  return { id: ARN!, attributes: { Id: ARN! } };
}

export const resources = {
  "AWS::SecretsManager::ResourcePolicy": policy,
  "AWS::SecretsManager::RotationSchedule": rotationSchedule,
  "AWS::SecretsManager::Secret": secret,
} as const;
