/**
 * Policy documents: read from JSON into statements that can be evaluated, and refused where their grammar is broken. What a document may
 * say depends on where it is attached; that is `validate.ts`.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
import { AwsError } from "../../kernel/errors.ts";
import { type Condition, compileCondition } from "./conditions.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import { compilePrincipal, type PrincipalElement } from "./principals.ts";

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  readonly principal: PrincipalElement | undefined;
  readonly notPrincipal: PrincipalElement | undefined;
  /** Of lower-case names: actions do not mind case. */
  readonly actions: readonly Pattern[];
  /** The list is of what is not meant: NotAction. */
  readonly notAction: boolean;
  /** Undefined in a trust policy, which is about the role it is attached to. */
  readonly resources: readonly Pattern[] | undefined;
  readonly notResource: boolean;
  /** All must hold. */
  readonly conditions: readonly Condition[];
}

export interface Policy {
  readonly statements: readonly Statement[];
}

/** The elements of a statement as written, lists where one value or several may stand. For `validate.ts`. */
export interface RawStatement {
  readonly fields: ReadonlySet<string>;
  readonly sid: string | undefined;
  readonly effect: string;
  readonly principals: "*" | Readonly<Record<string, readonly string[]>> | undefined;
  readonly notPrincipals: "*" | Readonly<Record<string, readonly string[]>> | undefined;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly {
    readonly operator: string;
    readonly key: string;
    readonly values: readonly string[];
  }[];
}

export interface RawPolicy {
  readonly version: string | undefined;
  readonly statements: readonly RawStatement[];
}

export function malformedPolicyDocument(message: string): AwsError {
  return new AwsError("MalformedPolicyDocument", message);
}

const POLICY_FIELDS = new Set(["Version", "Id", "Statement"]);
const STATEMENT_FIELDS = new Set([
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
]);
const PRINCIPAL_TYPES = new Set(["AWS", "Service", "Federated", "CanonicalUser"]);

/** Documents are few and evaluated at every request: those compiled last are kept, by their text. */
const compiled = new Map<string, Policy>();
const COMPILED_MAX = 2000;

/**
 * Compiles a document for evaluation.
 *
 * @throws MalformedPolicyDocument when it is none
 */
export function compilePolicy(text: string): Policy {
  const known = compiled.get(text);
  if (known) return known;
  const raw = readPolicy(text);
  const variables = raw.version === "2012-10-17";
  const pattern = (value: string) => compilePattern(value, { wildcards: true, variables });
  const policy: Policy = {
    statements: raw.statements.map((statement) => ({
      sid: statement.sid,
      effect: statement.effect as "Allow" | "Deny",
      principal: statement.principals && compilePrincipal(statement.principals),
      notPrincipal: statement.notPrincipals && compilePrincipal(statement.notPrincipals),
      actions: statement.actions.map((value) =>
        compilePattern(value.toLowerCase(), { wildcards: true, variables: false }),
      ),
      notAction: statement.fields.has("NotAction"),
      resources:
        statement.fields.has("Resource") || statement.fields.has("NotResource")
          ? statement.resources.map(pattern)
          : undefined,
      notResource: statement.fields.has("NotResource"),
      conditions: statement.conditions.map(
        ({ operator, key, values }) => compileCondition(operator, key, values, { variables })!,
      ),
    })),
  };
  if (compiled.size >= COMPILED_MAX) compiled.clear();
  compiled.set(text, policy);
  return policy;
}

/**
 * Reads the grammar alone.
 *
 * @throws MalformedPolicyDocument `Syntax errors in policy.`
 */
export function readPolicy(text: string): RawPolicy {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw syntaxErrors();
  }
  if (!isObject(document)) throw syntaxErrors();
  for (const field of Object.keys(document)) if (!POLICY_FIELDS.has(field)) throw syntaxErrors();
  const { Version: version, Id: id, Statement: statement } = document;
  if (version !== undefined && version !== "2012-10-17" && version !== "2008-10-17") throw syntaxErrors();
  if (id !== undefined && typeof id !== "string") throw syntaxErrors();
  const statements = Array.isArray(statement) ? statement : [statement];
  if (statements.length === 0) throw syntaxErrors();
  return { version, statements: statements.map(readStatement) };
}

function readStatement(statement: unknown): RawStatement {
  if (!isObject(statement)) throw syntaxErrors();
  const fields = new Set(Object.keys(statement));
  for (const field of fields) if (!STATEMENT_FIELDS.has(field)) throw syntaxErrors();
  for (const field of ["Action", "Resource", "Principal"]) {
    if (fields.has(field) && fields.has(`Not${field}`)) throw syntaxErrors();
  }
  const sid = statement["Sid"];
  if (sid !== undefined && typeof sid !== "string") throw syntaxErrors();
  const effect = statement["Effect"];
  if (typeof effect !== "string" || !/^(allow|deny)$/i.test(effect)) throw syntaxErrors();
  if (effect !== "Allow" && effect !== "Deny") throw legacyParsing();
  return {
    fields,
    sid,
    effect,
    principals: readPrincipal(statement["Principal"]),
    notPrincipals: readPrincipal(statement["NotPrincipal"]),
    actions: readStrings(statement["Action"] ?? statement["NotAction"] ?? []),
    resources: readStrings(statement["Resource"] ?? statement["NotResource"] ?? []),
    conditions: readConditions(statement["Condition"]),
  };
}

function readPrincipal(element: unknown): RawStatement["principals"] {
  if (element === undefined) return undefined;
  if (element === "*") return "*";
  if (!isObject(element)) throw syntaxErrors();
  const principals: Record<string, readonly string[]> = {};
  for (const [type, values] of Object.entries(element)) {
    if (!PRINCIPAL_TYPES.has(type)) throw syntaxErrors();
    principals[type] = readStrings(values);
  }
  return principals;
}

function readConditions(element: unknown): RawStatement["conditions"] {
  if (element === undefined) return [];
  if (!isObject(element)) throw syntaxErrors();
  const conditions: { operator: string; key: string; values: readonly string[] }[] = [];
  for (const [operator, keys] of Object.entries(element)) {
    if (!isObject(keys)) throw syntaxErrors();
    for (const [key, value] of Object.entries(keys)) {
      const values = (Array.isArray(value) ? value : [value]).map((one) => {
        if (typeof one !== "string" && typeof one !== "number" && typeof one !== "boolean") throw syntaxErrors();
        return String(one);
      });
      if (!compileCondition(operator, key, values, { variables: true })) throw syntaxErrors();
      conditions.push({ operator, key, values });
    }
  }
  return conditions;
}

function readStrings(value: unknown): readonly string[] {
  const values = Array.isArray(value) ? value : [value];
  for (const one of values) if (typeof one !== "string") throw syntaxErrors();
  return values as string[];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const syntaxErrors = (): AwsError => malformedPolicyDocument("Syntax errors in policy.");
export const legacyParsing = (): AwsError => malformedPolicyDocument("The policy failed legacy parsing");

/** The condition keys and policy variables that a document asks for, each once, as first written. @throws MalformedPolicyDocument */
export function contextKeysOf(text: string): string[] {
  const keys = new Map<string, string>();
  const add = (key: string) => {
    if (!keys.has(key.toLowerCase())) keys.set(key.toLowerCase(), key);
  };
  const addVariables = (value: string) => {
    for (const [, name] of value.matchAll(/\$\{\s*([^*?$},]+?)\s*(?:,[^}]*)?\}/g)) add(name!);
  };
  for (const statement of readPolicy(text).statements) {
    statement.resources.forEach(addVariables);
    for (const { key, values } of statement.conditions) {
      add(key);
      values.forEach(addVariables);
    }
  }
  return [...keys.values()];
}
