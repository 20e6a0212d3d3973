/** SES's CloudFormation resource types. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SES.html */
import { AwsError } from "../../kernel/errors.ts";
import { identityArn, identityName } from "../mail-common/identities.ts";
import type { Tag } from "../mail-common/state.ts";
import type { ResourceContext, ResourceType } from "../resources.ts";

/** What is gone already needs no deletion. */
async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof AwsError && error.code === "NotFoundException")) throw error;
  }
}

/** A resource's own tags win over the stack's. */
function tagList(context: ResourceContext, tags: readonly Tag[] | undefined): Tag[] {
  const all = new Map(Object.entries(context.tags));
  for (const { Key, Value } of tags ?? []) all.set(Key, Value);
  return Array.from(all, ([Key, Value]) => ({ Key, Value }));
}

const emailIdentity: ResourceType = {
  properties: { EmailIdentity: "string", Tags: [{ object: { Key: "string", Value: "string" } }] },
  required: ["EmailIdentity"],
  replacement: ["EmailIdentity"],
  nameProperty: "EmailIdentity",
  attributes: [],
  async create(context, { EmailIdentity, Tags }) {
    await context.call("sesv2", "CreateEmailIdentity", { EmailIdentity, Tags: tagList(context, Tags) });
    return { id: EmailIdentity, attributes: {} };
  },
  async update(context, id, { Tags }, previous) {
    const ResourceArn = identityArn(context, identityName(id));
    const wanted = tagList(context, Tags);
    const kept = new Set(wanted.map(({ Key }) => Key));
    const TagKeys = ((previous.Tags ?? []) as Tag[]).flatMap(({ Key }) => (kept.has(Key) ? [] : [Key]));
    if (TagKeys.length > 0) await context.call("sesv2", "UntagResource", { ResourceArn, TagKeys });
    if (wanted.length > 0) await context.call("sesv2", "TagResource", { ResourceArn, Tags: wanted });
    return { id, attributes: {} };
  },
  async delete(context, id) {
    await unlessGone(context.call("sesv2", "DeleteEmailIdentity", { EmailIdentity: id }));
  },
};

const template: ResourceType = {
  properties: {
    Template: { object: { TemplateName: "string", SubjectPart: "string", TextPart: "string", HtmlPart: "string" } },
  },
  attributes: ["Id"],
  replaces: (properties, previous) => properties.Template?.TemplateName !== previous.Template?.TemplateName,
  async create(context, { Template }) {
    const TemplateName = Template?.TemplateName ?? context.physicalName(64);
    await context.call("ses", "CreateTemplate", { Template: { ...Template, TemplateName } });
    return { id: TemplateName, attributes: { Id: TemplateName } };
  },
  async update(context, id, { Template }) {
    await context.call("ses", "UpdateTemplate", { Template: { ...Template, TemplateName: id } });
    return { id, attributes: { Id: id } };
  },
  async delete(context, id) {
    await context.call("ses", "DeleteTemplate", { TemplateName: id });
  },
};

export const resources: Readonly<Record<`AWS::${string}`, ResourceType>> = {
  "AWS::SES::EmailIdentity": emailIdentity,
  "AWS::SES::Template": template,
};
