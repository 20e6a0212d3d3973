/**
 * SES, the API of 2010-12-01: identities, templates, sending. What it shares with `sesv2` is in `../mail-common`. The mailbox and the relay
 * are declared here, for both.
 *
 * Not here: configuration sets and events, receiving, sending authorization, DKIM, MAIL FROM.
 *
 * @see https://docs.aws.amazon.com/ses/latest/APIReference/Welcome.html
 */
import { createMailboxFront } from "../mail-common/mailbox.ts";
import { MAIL_ACCEPTED, type Relay, relayMail } from "../mail-common/send.ts";
import { defineService, type Service } from "../service.ts";
import * as identities from "./identities.ts";
import { permissions } from "./permissions.ts";
import { resources } from "./resources.ts";
import { createSending } from "./send.ts";
import * as templates from "./templates.ts";

export type { Relay, RelayedMail } from "../mail-common/send.ts";

export interface SesPorts {
  /** The mailbox then shows mail only to callers who signed, and only their own account's. */
  readonly authRequired: boolean;
  /** Hands accepted mail on; absent: mail stays in the mailbox. It is tried again while it throws. */
  readonly relay?: Relay | undefined;
}

export function createSes({ authRequired, relay }: SesPorts): Service<"ses"> {
  const sending = createSending(relay !== undefined);
  return defineService<"ses">({
    name: "ses",
    operations: {
      CreateTemplate: templates.createTemplate,
      DeleteIdentity: identities.deleteIdentity,
      DeleteTemplate: templates.deleteTemplate,
      GetIdentityVerificationAttributes: identities.getIdentityVerificationAttributes,
      GetSendQuota: identities.getSendQuota,
      GetSendStatistics: identities.getSendStatistics,
      GetTemplate: templates.getTemplate,
      ListIdentities: identities.listIdentities,
      ListTemplates: templates.listTemplates,
      UpdateTemplate: templates.updateTemplate,
      VerifyDomainIdentity: identities.verifyDomainIdentity,
      VerifyEmailIdentity: identities.verifyEmailIdentity,
    },
    flows: {
      SendBulkTemplatedEmail: sending.sendBulkTemplatedEmail,
      SendEmail: sending.sendEmail,
      SendRawEmail: sending.sendRawEmail,
      SendTemplatedEmail: sending.sendTemplatedEmail,
      TestRenderTemplate: templates.testRenderTemplate,
    },
    unsupported: {
      SendBulkTemplatedEmail: ["ConfigurationSetName", "SourceArn", "ReturnPathArn", "TemplateArn"],
      SendEmail: ["ConfigurationSetName", "SourceArn", "ReturnPathArn"],
      SendRawEmail: ["ConfigurationSetName", "SourceArn", "ReturnPathArn", "FromArn"],
      SendTemplatedEmail: ["ConfigurationSetName", "SourceArn", "ReturnPathArn", "TemplateArn"],
    },
    permissions,
    resources,
    fronts: [createMailboxFront(authRequired)],
    ...(relay
      ? { hears: { [MAIL_ACCEPTED]: { flow: (flow, detail) => relayMail(flow, relay, detail), concurrency: 4 } } }
      : {}),
  });
}
