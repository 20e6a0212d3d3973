/** Reads the policy that a Lambda authorizer returns: may this route be invoked? An explicit deny wins, silence denies. */

interface Statement {
  readonly Effect?: unknown;
  readonly Action?: unknown;
  readonly Resource?: unknown;
}

/** @returns undefined when the document is no policy that can be read */
export function policyAllows(document: unknown, resource: string, action = "execute-api:Invoke"): boolean | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  const { Statement: given } = document as { Statement?: unknown };
  const statements = Array.isArray(given) ? given : [given];
  let allowed = false;
  for (const statement of statements as (Statement | undefined)[]) {
    if (typeof statement !== "object" || statement === null) return undefined;
    const actions = strings(statement.Action);
    const resources = strings(statement.Resource);
    if (!actions || !resources) return undefined;
    const matches =
      actions.some((pattern) => wildcard(pattern.toLowerCase(), action.toLowerCase())) &&
      resources.some((pattern) => wildcard(pattern, resource));
    if (!matches) continue;
    if (statement.Effect === "Deny") return false;
    if (statement.Effect === "Allow") allowed = true;
    else return undefined;
  }
  return allowed;
}

function strings(value: unknown): string[] | undefined {
  const list = Array.isArray(value) ? value : [value];
  return list.every((item) => typeof item === "string") ? list : undefined;
}

/** `*` stands for any text, `?` for one character. */
export function wildcard(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let index = 0;
  while (index < text.length) {
    if (at < pattern.length && (pattern[at] === "?" || pattern[at] === text[index]) && pattern[at] !== "*") {
      at++;
      index++;
    } else if (pattern[at] === "*") {
      star = at++;
      resume = index;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
