/**
 * What a policy document may say, by where it is attached: to an identity (users, groups, roles, managed policies, session policies), or
 * to a role as its trust policy. The texts are AWS's.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 */
import type { AwsError } from "../../kernel/errors.ts";
import { legacyParsing, malformedPolicyDocument, type RawStatement, readPolicy } from "./document.ts";

const PARTITIONS = new Set(["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "*"]);
const IAM_PATHS = [
  "user/",
  "federated-user/",
  "role/",
  "group/",
  "instance-profile/",
  "mfa/",
  "server-certificate/",
  "policy/",
  "sms-mfa/",
  "saml-provider/",
  "oidc-provider/",
  "report/",
  "access-report/",
];
const TRUST_ACTIONS =
  /^sts:(assumerole|assumerolewithsaml|assumerolewithwebidentity|tagsession|setsourceidentity|setcontext|\*|assumerole\*)$/i;
const SERVICE_PRINCIPAL = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.com|aws\.internal)$/;
const PRINCIPAL_ARN =
  /^arn:aws[a-z-]*:(iam|sts)::(\d{12}|cloudfront):(root|(user|role|assumed-role|federated-user)\/[!-~]+)$/;

/**
 * @param inline an inline policy may leave its version out, as those do that SAM's policy templates make
 * @throws MalformedPolicyDocument
 */
export function validateIdentityPolicy(text: string, inline = false): void {
  const policy = readPolicy(text);
  const versionless = inline && !("Version" in JSON.parse(text));
  if (policy.version !== "2012-10-17" && !versionless) {
    throw malformedPolicyDocument("Policy document must be version 2012-10-17 or greater.");
  }
  for (const statement of policy.statements) {
    legacyParse(statement);
    if (statement.principals || statement.notPrincipals) {
      throw malformedPolicyDocument("Policy document should not specify a principal.");
    }
  }
  uniqueSids(policy.statements);
  for (const statement of policy.statements) {
    if (statement.actions.length === 0) throw malformedPolicyDocument("Policy statement must contain actions.");
    if (statement.resources.length === 0) throw malformedPolicyDocument("Policy statement must contain resources.");
    for (const resource of statement.resources) checkResource(resource);
    for (const action of statement.actions) checkAction(action);
  }
}

/**
 * @param exists whether a user or role that the policy names exists, asked for the ARNs of users and roles alone
 * @throws MalformedPolicyDocument
 */
export function validateTrustPolicy(text: string, exists: (arn: string) => boolean): void {
  try {
    JSON.parse(text);
  } catch {
    throw malformedPolicyDocument("This policy contains invalid Json");
  }
  const policy = readPolicy(text);
  for (const statement of policy.statements) {
    for (const field of ["Resource", "NotResource"]) {
      if (statement.fields.has(field)) throw malformedPolicyDocument(`Has prohibited field ${field}`);
    }
    if (!statement.principals && !statement.notPrincipals) {
      throw malformedPolicyDocument("Missing required field Principal");
    }
    if (statement.actions.length === 0) throw malformedPolicyDocument("Missing required field Action");
    for (const action of statement.actions) {
      if (!TRUST_ACTIONS.test(action)) {
        throw malformedPolicyDocument("AssumeRole policy may only specify STS AssumeRole actions.");
      }
    }
    checkPrincipals(statement.principals ?? statement.notPrincipals!, exists);
    legacyParse(statement);
  }
  uniqueSids(policy.statements);
}

function checkPrincipals(
  principals: "*" | Readonly<Record<string, readonly string[]>>,
  exists: (arn: string) => boolean,
): void {
  if (principals === "*") return;
  for (const [type, values] of Object.entries(principals)) {
    for (const value of values) {
      if (!isPrincipal(type, value, exists)) {
        throw malformedPolicyDocument(
          `Invalid principal in policy: "${type === "Service" ? "SERVICE" : type}":"${value}"`,
        );
      }
    }
  }
}

function isPrincipal(type: string, value: string, exists: (arn: string) => boolean): boolean {
  if (type === "Service") return SERVICE_PRINCIPAL.test(value);
  if (type === "Federated") return value !== "";
  if (type !== "AWS") return false;
  if (value === "*" || /^\d{12}$/.test(value) || /^A[A-Z]{3}[A-Z0-9]{12,}$/.test(value)) return true;
  const match = PRINCIPAL_ARN.exec(value);
  if (!match) return false;
  return match[4] === "user" || match[4] === "role" ? exists(value) : true;
}

function uniqueSids(statements: readonly RawStatement[]): void {
  const sids = statements.map(({ sid }) => sid).filter((sid) => sid !== undefined && sid !== "");
  if (new Set(sids).size < sids.length) {
    throw malformedPolicyDocument("Statement IDs (SID) in a single policy must be unique.");
  }
}

/** What the older of AWS's two parsers refuses before the newer one names the fault. */
function legacyParse(statement: RawStatement): void {
  for (const { operator, values } of statement.conditions) {
    if (/^(for(any|all)values?:)?date/i.test(operator) && !values.every(isDate)) throw legacyParsing();
  }
  for (const resource of statement.resources) {
    if (!resource.startsWith("arn:")) continue;
    const parts = resource.split(":");
    if (parts.length < 6 && resource.includes("::")) throw legacyParsing();
    if (parts[2] === "") throw legacyParsing();
    if (parts[4]?.includes("${")) throw legacyParsing();
  }
}

function isDate(value: string): boolean {
  if (/^-?\d+$/.test(value)) return Math.abs(Number(value)) < 2 ** 63;
  if (value.includes("${")) return true;
  return (
    /^\d{4,}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$/i.test(value) &&
    !Number.isNaN(Date.parse(value))
  );
}

function checkAction(action: string): void {
  if (action === "*") return;
  const colon = action.indexOf(":");
  if (colon < 0) {
    throw malformedPolicyDocument("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
  }
  if (action.indexOf(":", colon + 1) >= 0)
    throw malformedPolicyDocument("Actions/Condition can contain only one colon.");
  const vendor = action.slice(0, colon);
  if (!/^[a-zA-Z0-9-.]+$/.test(vendor)) throw malformedPolicyDocument(`Vendor ${vendor} is not valid`);
}

function checkResource(resource: string): void {
  if (resource === "*") return;
  const parts = resource.split(":");
  if (parts.length < 2) throw malformedPolicyDocument(`Resource ${resource} must be in ARN format or "*".`);
  const [, partition, vendor, region] = parts;
  if (!PARTITIONS.has(partition!)) throw unknownPartition(parts);
  if (parts[0] !== "arn") throw malformedPolicyDocument(`Resource ${resource} must be in ARN format or "*".`);
  if (vendor === undefined || (vendor !== "*" && /[*?]/.test(vendor) && parts.length < 6)) {
    throw malformedPolicyDocument("Resource vendor must be fully qualified and cannot contain regexes.");
  }
  if (vendor === "iam") checkIamResource(resource, region, parts.slice(5).join(":"), parts.length);
  if (vendor === "s3" && region !== undefined && region !== "" && region !== "*" && !isAccessPoint(parts)) {
    throw malformedPolicyDocument(`Resource ${resource} can not contain region information.`);
  }
}

function checkIamResource(resource: string, region: string | undefined, path: string, parts: number): void {
  if (region !== undefined && region !== "" && region !== "*") {
    throw malformedPolicyDocument(`IAM resource ${resource} cannot contain region information.`);
  }
  if (parts < 6) return;
  if (path === "*" || path === "root" || IAM_PATHS.some((start) => path.startsWith(start)) || path.startsWith("*"))
    return;
  throw malformedPolicyDocument(`IAM resource path must either be "*" or start with ${IAM_PATHS.join(", ")}.`);
}

/** S3 access points, jobs and the like do have a region. */
function isAccessPoint(parts: readonly string[]): boolean {
  return /^(accesspoint|job|storage-lens|async-request|access-grants|multiregionaccesspoint)/.test(parts[5] ?? "");
}

/** AWS shows the resource filled up to the six parts of an ARN. */
function unknownPartition(parts: readonly string[]): AwsError {
  const filled = ["arn", ...parts.slice(1)];
  while (filled.length < 6) filled.push("*");
  return malformedPolicyDocument(`Partition "${parts[1]}" is not valid for resource "${filled.join(":")}".`);
}
