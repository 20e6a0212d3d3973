/** What sending needs. @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html */
import { rawSender, recipientsOf, senderPermission, templatePermission } from "../mail-common/permissions.ts";
import type { Service } from "../service.ts";

export const permissions: Service<"ses">["permissions"] = {
  SendEmail: (input, context) =>
    senderPermission("ses:SendEmail", input.Source, recipientsOf(input.Destination), context),
  SendRawEmail: (input, context) =>
    senderPermission(
      "ses:SendRawEmail",
      input.Source ?? rawSender(input.RawMessage?.Data),
      input.Destinations ?? [],
      context,
    ),
  SendTemplatedEmail: (input, context) => [
    senderPermission("ses:SendTemplatedEmail", input.Source, recipientsOf(input.Destination), context),
    templatePermission("ses:SendTemplatedEmail", input.Template, context),
  ],
  SendBulkTemplatedEmail: (input, context) => {
    const recipients = (input.Destinations ?? []).flatMap(({ Destination }) => recipientsOf(Destination));
    return [
      senderPermission("ses:SendBulkTemplatedEmail", input.Source, recipients, context),
      templatePermission("ses:SendBulkTemplatedEmail", input.Template, context),
    ];
  },
};
