/**
 * SES, the API v2: identities, templates, sending, the account. What it shares with `ses` is in `../mail-common`; the mailbox and the relay
 * are declared there.
 *
 * Not here: configuration sets and events, contact lists, suppression, dedicated addresses, DKIM, MAIL FROM.
 *
 * @see https://docs.aws.amazon.com/ses/latest/APIReference-V2/Welcome.html
 */
import { defineService, type Service } from "../service.ts";
import * as identities from "./identities.ts";
import { permissions } from "./permissions.ts";
import { createSending } from "./send.ts";
import * as templates from "./templates.ts";

export interface Sesv2Ports {
  /** Accepted mail goes to the relay that the service `ses` was given. */
  readonly relayed: boolean;
}

export function createSesv2({ relayed }: Sesv2Ports): Service<"sesv2"> {
  const sending = createSending(relayed);
  return defineService<"sesv2">({
    name: "sesv2",
    operations: {
      CreateEmailIdentity: identities.createEmailIdentity,
      CreateEmailTemplate: templates.createEmailTemplate,
      DeleteEmailIdentity: identities.deleteEmailIdentity,
      DeleteEmailTemplate: templates.deleteEmailTemplate,
      GetAccount: identities.getAccount,
      GetEmailIdentity: identities.getEmailIdentity,
      GetEmailTemplate: templates.getEmailTemplate,
      ListEmailIdentities: identities.listEmailIdentities,
      ListEmailTemplates: templates.listEmailTemplates,
      ListTagsForResource: identities.listTagsForResource,
      TagResource: identities.tagResource,
      UntagResource: identities.untagResource,
      UpdateEmailTemplate: templates.updateEmailTemplate,
    },
    flows: {
      SendBulkEmail: sending.sendBulkEmail,
      SendEmail: sending.sendEmail,
      TestRenderEmailTemplate: templates.testRenderEmailTemplate,
    },
    unsupported: {
      CreateEmailIdentity: ["ConfigurationSetName", "DkimSigningAttributes"],
      CreateEmailTemplate: ["Tags"],
      ListEmailIdentities: ["Filter"],
      SendBulkEmail: [
        "ConfigurationSetName",
        "ConfigurationOverrides",
        "EndpointId",
        "TenantName",
        "FromEmailAddressIdentityArn",
        "FeedbackForwardingEmailAddressIdentityArn",
        "DefaultContent.Template.TemplateArn",
      ],
      SendEmail: [
        "ConfigurationSetName",
        "ConfigurationOverrides",
        "EndpointId",
        "TenantName",
        "FromEmailAddressIdentityArn",
        "FeedbackForwardingEmailAddressIdentityArn",
        "ListManagementOptions",
        "Content.Template.TemplateArn",
      ],
    },
    permissions,
  });
}
