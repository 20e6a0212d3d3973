import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { validateIdentityPolicy, validateTrustPolicy } from "./validate.ts";

/** Texts as AWS gave them, after moto's record of them and versitygw's. */
const SYNTAX = "Syntax errors in policy.";
const LEGACY = "The policy failed legacy parsing";
const VERSION = "Policy document must be version 2012-10-17 or greater.";
const VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

const good = { Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::example" };
const document = (statement: unknown, more: object = {}) => ({ Version: "2012-10-17", Statement: statement, ...more });
const without = (field: string) => Object.fromEntries(Object.entries(good).filter(([name]) => name !== field));

describe("identity policies that are refused", () => {
  const cases: [unknown, string][] = [
    ["no policy", SYNTAX],
    [{}, SYNTAX],
    [{ Version: "2012-10-17" }, SYNTAX],
    [{ Statement: good }, VERSION],
    [document(good, { Version: "2008-10-17" }), VERSION],
    [document(good, { Version: "2013-10-17" }), SYNTAX],
    [document([]), SYNTAX],
    [document(["text"]), SYNTAX],
    [document(good, { Extra: 1 }), SYNTAX],
    [document(good, { Id: [] }), SYNTAX],
    [document({ ...good, Extra: 1 }), SYNTAX],
    [document({ ...good, Sid: {} }), SYNTAX],
    [document({ ...good, Effect: "invalid" }), SYNTAX],
    [document({ ...good, Effect: "denY" }), LEGACY],
    [document(without("Effect")), SYNTAX],
    [document(without("Action")), "Policy statement must contain actions."],
    [document({ ...good, Action: [] }), "Policy statement must contain actions."],
    [document(without("Resource")), "Policy statement must contain resources."],
    [document({ ...good, Resource: [] }), "Policy statement must contain resources."],
    [document({ ...good, NotAction: "s3:*" }), SYNTAX],
    [document({ ...good, NotResource: [] }), SYNTAX],
    [document({ ...good, Action: 1 }), SYNTAX],
    [document({ ...good, Action: [[]] }), SYNTAX],
    [document({ ...good, Action: "invalid" }), VENDOR],
    [document({ ...good, Action: "" }), VENDOR],
    [document({ ...good, Action: "a a:ListBucket" }), "Vendor a a is not valid"],
    [document({ ...good, Action: ":GetObject" }), "Vendor  is not valid"],
    [document({ ...good, Action: "s3:List:Bucket" }), "Actions/Condition can contain only one colon."],
    [document({ ...good, Resource: "invalid resource" }), 'Resource invalid resource must be in ARN format or "*".'],
    [document({ ...good, Resource: "" }), 'Resource  must be in ARN format or "*".'],
    [document({ ...good, Action: "s:3:List", Resource: "x" }), 'Resource x must be in ARN format or "*".'],
    [document({ ...good, Resource: "a:bsd" }), 'Partition "bsd" is not valid for resource "arn:bsd:*:*:*:*".'],
    [document({ ...good, Resource: "a:b:c:d:e:f:g" }), 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g".'],
    [document({ ...good, Resource: "aws:s3:::x" }), 'Partition "s3" is not valid for resource "arn:s3:::x:*".'],
    [
      document({ ...good, Resource: "arn:aws2:s3:::x" }),
      'Partition "aws2" is not valid for resource "arn:aws2:s3:::x".',
    ],
    [document({ ...good, Resource: "arn:aws" }), "Resource vendor must be fully qualified and cannot contain regexes."],
    [document({ ...good, Resource: "arn:aws:s3::example" }), LEGACY],
    [document({ ...good, Resource: "arn:aws::::example" }), LEGACY],
    [document({ ...good, Resource: "arn:aws:iam::${aws:PrincipalAccount}:role/x" }), LEGACY],
    [
      document({ ...good, Resource: "arn:aws:s3:us-east-1::x" }),
      "Resource arn:aws:s3:us-east-1::x can not contain region information.",
    ],
    [
      document({ ...good, Resource: "arn:aws:iam:us-east-1::x" }),
      "IAM resource arn:aws:iam:us-east-1::x cannot contain region information.",
    ],
    [
      document({ ...good, Resource: "arn:aws:iam:::example" }),
      'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.',
    ],
    [document({ ...good, Condition: [] }), SYNTAX],
    [document({ ...good, Condition: { a: "b" } }), SYNTAX],
    [document({ ...good, Condition: { x: { a: "1" } } }), SYNTAX],
    [document({ ...good, Condition: { StringEquals: { a: {} } } }), SYNTAX],
    [document({ ...good, Condition: { "ForAnyValue::StringEquals": { a: "b" } } }), SYNTAX],
    [document({ ...good, Condition: { NullIfExists: { a: "true" } } }), SYNTAX],
    [document({ ...good, Condition: { DateGreaterThan: { a: "sdf" } } }), LEGACY],
    [document({ ...good, Condition: { DateLessThan: { a: "9223372036854775808" } } }), LEGACY],
    [document({ ...good, Principal: "*" }), "Policy document should not specify a principal."],
    [
      document([
        { ...good, Sid: "a" },
        { Sid: "a", Effect: "Allow" },
      ]),
      "Statement IDs (SID) in a single policy must be unique.",
    ],
  ];
  for (const [policy, message] of cases) {
    const text = typeof policy === "string" ? policy : JSON.stringify(policy);
    test(text, () => assert.throws(() => validateIdentityPolicy(text), { code: "MalformedPolicyDocument", message }));
  }
});

describe("identity policies that are taken", () => {
  const cases: unknown[] = [
    document(good),
    document([good, good], { Id: "x" }),
    document({ ...good, Action: "*", Resource: "*" }),
    document({ ...good, Resource: ["arn:aws:s3:::a", "*"] }),
    document({ ...good, Resource: "arn:aws:iam::*:role/${aws:username}" }),
    document({ ...good, Resource: "arn:aws:fdsasf" }),
    document({ ...good, Resource: "arn:*:s3:::x" }),
    document({ ...good, Condition: { a: {} } }),
    document({ ...good, Condition: { DateGreaterThan: { "aws:CurrentTime": "2017-07-01T00:00:00Z" } } }),
    document({ ...good, Condition: { DateGreaterThan: { a: [] } } }),
    document({ ...good, Condition: { Bool: { "aws:SecureTransport": true } } }),
  ];
  for (const policy of cases) test(JSON.stringify(policy), () => validateIdentityPolicy(JSON.stringify(policy)));
});

describe("trust policies", () => {
  const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "lambda.amazonaws.com" } };
  const exists = (arn: string) => arn.endsWith("/known");
  const refused: [unknown, string][] = [
    ["{", "This policy contains invalid Json"],
    [document({ ...trust, Resource: "*" }), "Has prohibited field Resource"],
    [document({ ...trust, Principal: undefined }), "Missing required field Principal"],
    [document({ ...trust, Action: undefined }), "Missing required field Action"],
    [document({ ...trust, Action: "s3:GetObject" }), "AssumeRole policy may only specify STS AssumeRole actions."],
    [document({ ...trust, Principal: { Service: "lambda" } }), 'Invalid principal in policy: "SERVICE":"lambda"'],
    [document({ ...trust, Principal: { AWS: "me" } }), 'Invalid principal in policy: "AWS":"me"'],
    [
      document({ ...trust, Principal: { AWS: "arn:aws:iam::111111111111:user/gone" } }),
      'Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:user/gone"',
    ],
  ];
  for (const [policy, message] of refused) {
    const text = typeof policy === "string" ? policy : JSON.stringify(policy);
    test(text, () =>
      assert.throws(() => validateTrustPolicy(text, exists), { code: "MalformedPolicyDocument", message }),
    );
  }
  const taken = [
    document(trust),
    document({ ...trust, Principal: { AWS: ["111111111111", "arn:aws:iam::111111111111:root"] } }),
    document({ ...trust, Principal: { AWS: "arn:aws:iam::111111111111:role/known" } }),
    document({ ...trust, Principal: "*", Action: ["sts:AssumeRole", "sts:TagSession"] }),
    { Version: "2008-10-17", Statement: [trust] },
  ];
  for (const policy of taken) test(JSON.stringify(policy), () => validateTrustPolicy(JSON.stringify(policy), exists));
});

test("an inline policy may leave its version out, a managed one may not", () => {
  const text = JSON.stringify({ Statement: [{ Effect: "Allow", Action: "sqs:SendMessage", Resource: "*" }] });
  validateIdentityPolicy(text, true);
  assert.throws(() => validateIdentityPolicy(text), { code: "MalformedPolicyDocument", message: VERSION });
});
