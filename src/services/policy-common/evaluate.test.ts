import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccountId } from "../../kernel/arn.ts";
import type { Principal } from "../service.ts";
import { type AuthorizationRequest, accessDeniedMessage, authorize } from "./evaluate.ts";

const ACCOUNT = "111111111111" as AccountId;
const OTHER = "222222222222" as AccountId;
const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const QUEUE = `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`;

const root: Principal = { type: "root", accountId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:root` };
const alice: Principal = {
  type: "user",
  accountId: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/alice`,
  userName: "alice",
  userId: "AIDAALICEALICEALICE1",
};
const stranger: Principal = { ...alice, accountId: OTHER, arn: `arn:aws:iam::${OTHER}:user/alice` };
const session: Principal = {
  type: "assumed-role",
  accountId: ACCOUNT,
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/worker/one`,
  roleArn: `arn:aws:iam::${ACCOUNT}:role/worker`,
  roleId: "AROAWORKERWORKERWORK",
  sessionName: "one",
};
const topicService: Principal = {
  type: "service",
  service: "sns.amazonaws.com",
  sourceArn: `arn:aws:sns:us-east-1:${ACCOUNT}:news`,
  sourceAccount: ACCOUNT,
};

type Draft = Record<string, unknown>;
const policy = (...statements: Draft[]) => JSON.stringify({ Version: "2012-10-17", Statement: statements });
const allow = (more: Draft = {}) => ({ Effect: "Allow", Action: "sqs:*", Resource: "*", ...more });
const deny = (more: Draft = {}) => ({ ...allow(more), Effect: "Deny" });

function decide(request: Partial<AuthorizationRequest>) {
  return authorize({
    principal: alice,
    action: "sqs:SendMessage",
    resource: QUEUE,
    conditions: {},
    nowMs: NOW_MS,
    identityPolicies: [],
    ...request,
  });
}

const identity = (...statements: Draft[]) => ({ identityPolicies: [policy(...statements)] });
const NO_IDENTITY = "because no identity-based policy allows the sqs:SendMessage action";
const NO_RESOURCE = "because no resource-based policy allows the sqs:SendMessage action";

describe("identity policies", () => {
  const cases: [string, Partial<AuthorizationRequest>, string][] = [
    ["nothing is allowed by default", {}, NO_IDENTITY],
    ["an allow allows", identity(allow()), ""],
    ["an explicit deny wins", identity(allow(), deny()), "with an explicit deny in an identity-based policy"],
    ["a deny of another action does not", identity(allow(), deny({ Action: "sqs:Delete*" })), ""],
    ["actions ignore case", identity(allow({ Action: "SQS:sendmessage" })), ""],
    ["actions with wildcards", identity(allow({ Action: ["s3:Get*", "sqs:Send?essage"] })), ""],
    ["resources mind case", identity(allow({ Resource: QUEUE.replace("orders", "Orders") })), NO_IDENTITY],
    ["resources with wildcards", identity(allow({ Resource: "arn:aws:sqs:*:*:ord*" })), ""],
    ["NotAction leaves out", identity(allow({ Action: undefined, NotAction: "sqs:SendMessage" })), NO_IDENTITY],
    ["NotAction means the rest", identity(allow({ Action: undefined, NotAction: "iam:*" })), ""],
    ["NotResource leaves out", identity(allow({ Resource: undefined, NotResource: QUEUE })), NO_IDENTITY],
    ["NotResource means the rest", identity(allow({ Resource: undefined, NotResource: `${QUEUE}-2` })), ""],
    ["several policies add up", { identityPolicies: [policy(allow({ Action: "s3:*" })), policy(allow())] }, ""],
    ["root needs no policy", { principal: root }, ""],
    [
      "a variable in a resource",
      {
        ...identity(allow({ Resource: "arn:aws:s3:::home/${aws:username}/*" })),
        resource: "arn:aws:s3:::home/alice/x",
      },
      "",
    ],
    [
      "a variable is taken literally",
      {
        principal: { ...alice, userName: "*" } as Principal,
        ...identity(allow({ Resource: "arn:aws:s3:::home/${aws:username}/x" })),
        resource: "arn:aws:s3:::home/bob/x",
      },
      NO_IDENTITY,
    ],
    [
      "a variable without a value matches nothing",
      {
        principal: session,
        ...identity(allow({ Resource: "arn:aws:s3:::home/${aws:username}*" })),
        resource: "arn:aws:s3:::home/",
      },
      NO_IDENTITY,
    ],
    [
      "a variable with a default",
      {
        principal: session,
        ...identity(allow({ Resource: "arn:aws:s3:::home/${aws:username, 'guest'}" })),
        resource: "arn:aws:s3:::home/guest",
      },
      "",
    ],
    [
      "an escaped star",
      { ...identity(allow({ Resource: "arn:aws:s3:::a${*}" })), resource: "arn:aws:s3:::ab" },
      NO_IDENTITY,
    ],
  ];
  for (const [name, request, reason] of cases) {
    test(name, () => {
      const decision = decide(request);
      assert.deepEqual([decision.allowed, decision.reason], [reason === "", reason]);
    });
  }
});

describe("boundaries and session policies", () => {
  const cases: [string, Partial<AuthorizationRequest>, string][] = [
    ["a boundary alone allows nothing", { boundary: policy(allow()) }, NO_IDENTITY],
    [
      "a boundary that leaves the action out",
      { ...identity(allow()), boundary: policy(allow({ Action: "s3:*" })) },
      "because no permissions boundary allows the sqs:SendMessage action",
    ],
    ["a boundary that covers it", { ...identity(allow()), boundary: policy(allow()) }, ""],
    [
      "a boundary that denies",
      { ...identity(allow()), boundary: policy(allow(), deny()) },
      "with an explicit deny in a permissions boundary",
    ],
    [
      "a session policy narrows",
      { principal: session, ...identity(allow()), sessionPolicies: [policy(allow({ Action: "sqs:Receive*" }))] },
      "because no session policy allows the sqs:SendMessage action",
    ],
    [
      "a session policy allows nothing of itself",
      { principal: session, sessionPolicies: [policy(allow())] },
      NO_IDENTITY,
    ],
    ["both together", { principal: session, ...identity(allow()), sessionPolicies: [policy(allow())] }, ""],
  ];
  for (const [name, request, reason] of cases) {
    test(name, () => assert.equal(decide(request).reason, reason));
  }
});

describe("resource policies", () => {
  const resource = (...statements: Draft[]) => ({ resourcePolicy: policy(...statements) });
  const cases: [string, Partial<AuthorizationRequest>, string][] = [
    ["a user of the same account is allowed by it alone", resource(allow({ Principal: { AWS: alice.arn } })), ""],
    ["everyone", resource(allow({ Principal: "*" })), ""],
    [
      "everyone, anonymous too",
      { principal: { type: "anonymous" }, ...resource(allow({ Principal: { AWS: "*" } })) },
      "",
    ],
    ["an account is only a delegation", resource(allow({ Principal: { AWS: ACCOUNT } })), NO_IDENTITY],
    ["another user", resource(allow({ Principal: { AWS: [`${alice.arn}2`] } })), NO_IDENTITY],
    [
      "a role covers its sessions",
      { principal: session, ...resource(allow({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:role/worker` } })) },
      "",
    ],
    ["a session by name", { principal: session, ...resource(allow({ Principal: { AWS: session.arn } })) }, ""],
    [
      "denies what identity allows",
      { ...identity(allow()), ...resource(deny({ Principal: { AWS: ACCOUNT } })) },
      "with an explicit deny in a resource-based policy",
    ],
    [
      "denies root too",
      { principal: root, ...resource(deny({ Principal: "*" })) },
      "with an explicit deny in a resource-based policy",
    ],
    [
      "NotPrincipal spares whom it names",
      { ...identity(allow()), ...resource(deny({ NotPrincipal: { AWS: alice.arn } })) },
      "",
    ],
    [
      "NotPrincipal denies the others",
      { ...identity(allow()), ...resource(deny({ NotPrincipal: { AWS: session.arn } })) },
      "with an explicit deny in a resource-based policy",
    ],
    ["another account needs both: no resource policy", { principal: stranger, ...identity(allow()) }, NO_RESOURCE],
    [
      "another account needs both: no identity policy",
      { principal: stranger, ...resource(allow({ Principal: "*" })) },
      NO_IDENTITY,
    ],
    [
      "another account has both",
      { principal: stranger, ...identity(allow()), ...resource(allow({ Principal: { AWS: OTHER } })) },
      "",
    ],
    [
      "a service that is named",
      { principal: topicService, ...resource(allow({ Principal: { Service: "sns.amazonaws.com" } })) },
      "",
    ],
    [
      "a service that is not",
      { principal: topicService, ...resource(allow({ Principal: { Service: "s3.amazonaws.com" } })) },
      NO_RESOURCE,
    ],
    ["a service has no other rights", { principal: topicService, ...identity(allow()) }, NO_RESOURCE],
    [
      "a service from one source",
      {
        principal: topicService,
        ...resource(
          allow({ Principal: "*", Condition: { ArnLike: { "aws:SourceArn": `arn:aws:sns:*:${ACCOUNT}:n*` } } }),
        ),
      },
      "",
    ],
    [
      "a grant to the very user passes its boundary",
      { boundary: policy(allow({ Action: "s3:*" })), ...resource(allow({ Principal: { AWS: alice.arn } })) },
      "",
    ],
    [
      "a grant to a role does not pass its boundary",
      {
        principal: session,
        boundary: policy(allow({ Action: "s3:*" })),
        ...resource(allow({ Principal: { AWS: session.roleArn } })),
      },
      "because no permissions boundary allows the sqs:SendMessage action",
    ],
  ];
  for (const [name, request, reason] of cases) {
    test(name, () => assert.equal(decide(request).reason, reason));
  }
});

describe("trust policies", () => {
  const trust = (...statements: Draft[]) => ({
    action: "sts:AssumeRole",
    resource: `arn:aws:iam::${ACCOUNT}:role/worker`,
    trustPolicy: true,
    resourcePolicy: policy(
      ...statements.map((statement) => ({ Effect: "Allow", Action: "sts:AssumeRole", ...statement })),
    ),
  });
  const cases: [string, Partial<AuthorizationRequest>, string][] = [
    [
      "identity alone does not assume",
      { ...identity(allow({ Action: "sts:*" })), ...trust({ Principal: { Service: "lambda.amazonaws.com" } }) },
      "because no role trust policy allows the sts:AssumeRole action",
    ],
    [
      "root is not above it",
      { principal: root, ...trust({ Principal: { AWS: OTHER } }) },
      "because no role trust policy allows the sts:AssumeRole action",
    ],
    [
      "the account delegates",
      { ...identity(allow({ Action: "sts:*" })), ...trust({ Principal: { AWS: ACCOUNT } }) },
      "",
    ],
    [
      "… and no more",
      trust({ Principal: { AWS: ACCOUNT } }),
      "because no identity-based policy allows the sts:AssumeRole action",
    ],
    [
      "a service",
      {
        principal: { type: "service", service: "lambda.amazonaws.com" },
        ...trust({ Principal: { Service: "lambda.amazonaws.com" } }),
      },
      "",
    ],
    [
      "denied",
      trust({ Principal: "*" }, { Effect: "Deny", Principal: "*" }),
      "with an explicit deny in the role trust policy",
    ],
    [
      "an external id that is missing",
      trust({ Principal: "*", Condition: { StringEquals: { "sts:ExternalId": "x" } } }),
      "because no role trust policy allows the sts:AssumeRole action",
    ],
    [
      "an external id",
      {
        ...trust({ Principal: "*", Condition: { StringEquals: { "sts:ExternalId": "x" } } }),
        conditions: { "sts:ExternalId": "x" },
      },
      "",
    ],
  ];
  for (const [name, request, reason] of cases) {
    test(name, () => assert.equal(decide(request).reason, reason));
  }
});

describe("conditions", () => {
  const given = {
    "aws:SourceIp": "203.0.113.7",
    "aws:SecureTransport": "true",
    "s3:max-keys": "10",
    "aws:SourceArn": `arn:aws:sns:us-east-1:${ACCOUNT}:news`,
    "aws:TagKeys": ["cost", "team"],
    "x:binary": "QmluYXJ5",
    "x:name": "Café",
  };
  const cases: [Draft, boolean][] = [
    [{ StringEquals: { "X:NAME": "Café" } }, true],
    [{ StringEquals: { "x:name": ["other", "Café"] } }, true],
    [{ StringEquals: { "x:name": "café" } }, false],
    [{ StringEqualsIgnoreCase: { "x:name": "CAFÉ" } }, true],
    [{ StringNotEquals: { "x:name": ["other", "Café"] } }, false],
    [{ StringNotEquals: { "x:name": ["other", "third"] } }, true],
    [{ StringNotEquals: { "x:missing": "a" } }, true],
    [{ StringNotEqualsIgnoreCase: { "x:name": "CAFÉ" } }, false],
    [{ StringLike: { "x:name": "C?f*" } }, true],
    [{ StringNotLike: { "x:name": "C*" } }, false],
    [{ StringEquals: { "x:name": "C*" } }, false],
    [{ StringLike: { "aws:userid": "${aws:userid}" } }, true],
    [{ StringEquals: { "x:missing": "a" } }, false],
    [{ StringEqualsIfExists: { "x:missing": "a" } }, true],
    [{ StringEqualsIfExists: { "x:name": "a" } }, false],
    [{ NumericLessThanEquals: { "s3:max-keys": "10" } }, true],
    [{ NumericLessThan: { "s3:max-keys": 10 } }, false],
    [{ NumericGreaterThan: { "s3:max-keys": "9.5" } }, true],
    [{ NumericGreaterThanEquals: { "s3:max-keys": "11" } }, false],
    [{ NumericEquals: { "s3:max-keys": "1e1" } }, true],
    [{ NumericNotEquals: { "s3:max-keys": "10" } }, false],
    [{ NumericEquals: { "x:name": "10" } }, false],
    [{ DateGreaterThan: { "aws:CurrentTime": "2026-03-01T11:59:59Z" } }, true],
    [{ DateLessThan: { "aws:CurrentTime": "2026-03-01T12:00:00Z" } }, false],
    [{ DateLessThanEquals: { "aws:CurrentTime": "2026-03-01T12:00:00Z" } }, true],
    [{ DateGreaterThanEquals: { "aws:EpochTime": String(NOW_MS / 1000) } }, true],
    [{ DateEquals: { "aws:CurrentTime": "2026-03-01T13:00:00+01:00" } }, true],
    [{ DateNotEquals: { "aws:CurrentTime": "2026-03-01T12:00:00Z" } }, false],
    [{ Bool: { "aws:SecureTransport": "true" } }, true],
    [{ Bool: { "aws:SecureTransport": false } }, false],
    [{ Bool: { "x:missing": "false" } }, false],
    [{ BoolIfExists: { "x:missing": "false" } }, true],
    [{ BinaryEquals: { "x:binary": "QmluYXJ5" } }, true],
    [{ BinaryEquals: { "x:binary": "QmluYXJ6" } }, false],
    [{ IpAddress: { "aws:SourceIp": "203.0.113.0/24" } }, true],
    [{ IpAddress: { "aws:SourceIp": ["198.51.100.0/24", "203.0.113.7"] } }, true],
    [{ IpAddress: { "aws:SourceIp": "2001:db8::/32" } }, false],
    [{ NotIpAddress: { "aws:SourceIp": "203.0.113.0/24" } }, false],
    [{ NotIpAddress: { "aws:SourceIp": "203.0.114.0/24" } }, true],
    [{ ArnEquals: { "aws:SourceArn": `arn:aws:sns:*:${ACCOUNT}:n*` } }, true],
    [{ ArnLike: { "aws:SourceArn": "arn:aws:s*:news" } }, false],
    [{ ArnNotLike: { "aws:SourceArn": "arn:aws:sns:*:*:*" } }, false],
    [{ ArnNotEquals: { "aws:SourceArn": "arn:aws:sns:*:*:other" } }, true],
    [{ Null: { "x:missing": "true" } }, true],
    [{ Null: { "x:name": "true" } }, false],
    [{ Null: { "x:name": "false" } }, true],
    [{ "ForAllValues:StringEquals": { "aws:TagKeys": ["cost", "team", "more"] } }, true],
    [{ "ForAllValues:StringEquals": { "aws:TagKeys": ["cost"] } }, false],
    [{ "ForAllValues:StringEquals": { "x:missing": ["cost"] } }, true],
    [{ "ForAnyValue:StringEquals": { "aws:TagKeys": ["cost"] } }, true],
    [{ "ForAnyValue:StringEquals": { "aws:TagKeys": ["other"] } }, false],
    [{ "ForAnyValue:StringEquals": { "x:missing": ["cost"] } }, false],
    [{ "ForAnyValue:StringNotEquals": { "aws:TagKeys": ["cost"] } }, true],
    [{ "ForAllValues:StringNotLike": { "aws:TagKeys": ["c*"] } }, false],
    [{ "ForAllValues:StringLikeIfExists": { "aws:TagKeys": ["c*", "t*"] } }, true],
    [{ StringEquals: { "x:name": "Café" }, Bool: { "aws:SecureTransport": "false" } }, false],
    [{ StringEquals: { "x:name": "Café", "s3:max-keys": "11" } }, false],
    [{ StringEquals: { "x:name": [] } }, false],
  ];
  for (const [condition, expected] of cases) {
    test(JSON.stringify(condition), () => {
      const request = { ...identity(allow({ Condition: condition })), conditions: given };
      assert.equal(decide(request).allowed, expected);
    });
  }

  test("principal tags are keys and variables", () => {
    const statement = allow({ Resource: "arn:aws:sqs:*:*:${aws:PrincipalTag/Team}-*" });
    const request = { ...identity(statement), resource: `arn:aws:sqs:us-east-1:${ACCOUNT}:blue-orders` };
    assert.equal(decide({ ...request, principalTags: { team: "blue" } }).allowed, true);
    assert.equal(decide({ ...request, principalTags: { team: "red" } }).allowed, false);
    assert.equal(decide(request).allowed, false);
  });

  test("sessions are denied by the age of their credentials, and have no second factor", () => {
    const issued = { ...session, issuedMs: NOW_MS - 60_000 } as Principal;
    const revoke = (time: string) => deny({ Action: "*", Condition: { DateLessThan: { "aws:TokenIssueTime": time } } });
    const allowed = (...statements: Draft[]) =>
      decide({ principal: issued, ...identity(allow(), ...statements) }).allowed;
    assert.equal(allowed(revoke("2026-03-01T11:58:00Z")), true);
    assert.equal(allowed(revoke("2026-03-01T11:59:30Z")), false);
    assert.equal(allowed(deny({ Action: "*", Condition: { Bool: { "aws:MultiFactorAuthPresent": "false" } } })), false);
  });

  test("policies of 2008 know no variables", () => {
    const statement = allow({ Resource: "arn:aws:s3:::${aws:username}" });
    const request = { resource: "arn:aws:s3:::${aws:username}" };
    const text = JSON.stringify({ Version: "2008-10-17", Statement: statement });
    assert.equal(decide({ ...request, identityPolicies: [text] }).allowed, true);
    assert.equal(decide({ ...request, identityPolicies: [policy(statement)] }).allowed, false);
  });
});

test("a pattern of many stars is matched in little time", () => {
  const evil = `arn:aws:s3:::${"*a".repeat(200)}b`;
  const request = { ...identity(allow({ Resource: evil })), resource: `arn:aws:s3:::${"a".repeat(5000)}` };
  assert.equal(decide(request).allowed, false);
});

test("the message is AWS's", () => {
  const denied = decide({});
  assert.equal(
    accessDeniedMessage({ principal: alice, action: "sqs:SendMessage", resource: QUEUE }, denied),
    `User: ${alice.arn} is not authorized to perform: sqs:SendMessage on resource: ${QUEUE} ${NO_IDENTITY}`,
  );
  assert.equal(
    accessDeniedMessage({ principal: session, action: "sqs:ListQueues", resource: "*" }, { reason: "because …" }),
    `User: ${session.arn} is not authorized to perform: sqs:ListQueues because …`,
  );
});

test("a policy that cannot be read allows nothing", () => {
  assert.throws(() => decide({ ...identity(allow()), resourcePolicy: "{" }), { code: "MalformedPolicyDocument" });
});
