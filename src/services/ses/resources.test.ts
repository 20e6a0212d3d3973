import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";

test("an identity and a template are created, updated in place and deleted", async () => {
  const platform = await openTestPlatform({ seed: 12 });
  const deploy = async (operation: "CreateStack" | "UpdateStack", team: string, subject: string) => {
    const Resources = {
      Sender: {
        Type: "AWS::SES::EmailIdentity",
        Properties: { EmailIdentity: "shop@example.com", Tags: [{ Key: team, Value: "x" }] },
      },
      Thanks: {
        Type: "AWS::SES::Template",
        Properties: { Template: { TemplateName: "thanks", SubjectPart: subject, TextPart: "Dear {{name}}" } },
      },
    };
    const TemplateBody = JSON.stringify({ Resources, Outputs: { Id: { Value: { "Fn::GetAtt": ["Thanks", "Id"] } } } });
    await platform.call("cloudformation", operation, { StackName: "mail", TemplateBody });
    await platform.advance(60_000);
    const [stack] = (await platform.call("cloudformation", "DescribeStacks", { StackName: "mail" })).Stacks!;
    return stack!;
  };
  const identity = () => platform.call("sesv2", "GetEmailIdentity", { EmailIdentity: "shop@example.com" });

  const created = await deploy("CreateStack", "one", "Thanks");
  assert.equal(created.StackStatus, "CREATE_COMPLETE", created.StackStatusReason);
  assert.equal(created.Outputs![0]!.OutputValue, "thanks");
  assert.deepEqual((await identity()).Tags, [{ Key: "one", Value: "x" }]);
  const updated = await deploy("UpdateStack", "two", "Thank you");
  assert.equal(updated.StackStatus, "UPDATE_COMPLETE", updated.StackStatusReason);
  assert.deepEqual((await identity()).Tags, [{ Key: "two", Value: "x" }]);
  const { Template } = await platform.call("ses", "GetTemplate", { TemplateName: "thanks" });
  assert.equal(Template!.SubjectPart, "Thank you");
  await platform.call("cloudformation", "DeleteStack", { StackName: "mail" });
  await platform.advance(60_000);
  assert.deepEqual((await platform.call("ses", "ListIdentities", {})).Identities, []);
  assert.deepEqual((await platform.call("ses", "ListTemplates", {})).TemplatesMetadata, []);
  await platform.close();
});
