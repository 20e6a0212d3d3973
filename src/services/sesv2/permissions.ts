/** What sending needs: actions by the kind of content. @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html */
import { arn } from "../../kernel/arn.ts";
import { identityArn, identityName } from "../mail-common/identities.ts";
import { rawSender, recipientsOf, senderPermission, templatePermission } from "../mail-common/permissions.ts";
import type { OperationContext, Permission, Service } from "../service.ts";

type Where = Pick<OperationContext, "accountId" | "region">;

const identity =
  (action: string) =>
  ({ EmailIdentity }: { readonly EmailIdentity: string | undefined }, where: Where): Permission => ({
    action,
    resource: identityArn(where, identityName(EmailIdentity ?? "")),
  });
const template =
  (action: string) =>
  ({ TemplateName }: { readonly TemplateName: string | undefined }, { accountId, region }: Where): Permission => ({
    action,
    resource: arn("ses", region, accountId, `template/${TemplateName ?? ""}`),
  });

export const permissions: Service<"sesv2">["permissions"] = {
  SendEmail: (input, context) => {
    const { Raw, Template } = input.Content ?? {};
    const recipients = recipientsOf(input.Destination);
    if (Raw)
      return senderPermission("ses:SendRawEmail", input.FromEmailAddress ?? rawSender(Raw.Data), recipients, context);
    const action = Template?.TemplateName === undefined ? "ses:SendEmail" : "ses:SendTemplatedEmail";
    const sender = senderPermission(action, input.FromEmailAddress, recipients, context);
    return Template?.TemplateName === undefined
      ? sender
      : [sender, templatePermission(action, Template.TemplateName, context)];
  },
  SendBulkEmail: (input, context) => {
    const recipients = (input.BulkEmailEntries ?? []).flatMap(({ Destination }) => recipientsOf(Destination));
    const name = input.DefaultContent?.Template?.TemplateName;
    const action = "ses:SendBulkTemplatedEmail";
    const sender = senderPermission(action, input.FromEmailAddress, recipients, context);
    return name === undefined ? sender : [sender, templatePermission(action, name, context)];
  },
  CreateEmailIdentity: identity("ses:CreateEmailIdentity"),
  GetEmailIdentity: identity("ses:GetEmailIdentity"),
  DeleteEmailIdentity: identity("ses:DeleteEmailIdentity"),
  CreateEmailTemplate: template("ses:CreateEmailTemplate"),
  GetEmailTemplate: template("ses:GetEmailTemplate"),
  UpdateEmailTemplate: template("ses:UpdateEmailTemplate"),
  DeleteEmailTemplate: template("ses:DeleteEmailTemplate"),
  TestRenderEmailTemplate: template("ses:TestRenderEmailTemplate"),
  TagResource: ({ ResourceArn }) => ({ action: "ses:TagResource", resource: ResourceArn ?? "*" }),
  UntagResource: ({ ResourceArn }) => ({ action: "ses:UntagResource", resource: ResourceArn ?? "*" }),
  ListTagsForResource: ({ ResourceArn }) => ({ action: "ses:ListTagsForResource", resource: ResourceArn ?? "*" }),
};
