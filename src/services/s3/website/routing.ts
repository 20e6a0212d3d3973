/**
 * Routing rules of a website: which one applies, and where it leads.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html
 */
import type { RoutingRule } from "./configuration.ts";

/**
 * The first rule for a key.
 * @param status of the answer that the request came to; undefined before it was looked up, when only rules without an error code apply
 */
export function matchingRule(
  rules: readonly RoutingRule[],
  objectName: string,
  status: number | undefined,
): RoutingRule | undefined {
  return rules.find(({ Condition: condition }) => {
    const code = condition?.HttpErrorCodeReturnedEquals;
    if ((code === undefined) !== (status === undefined)) return false;
    if (code !== undefined && Number(code) !== status) return false;
    return objectName.startsWith(condition?.KeyPrefixEquals ?? "");
  });
}

/** Where the browser is sent: protocol and host are the request's unless the rule names others. */
export function redirectOf(
  rule: RoutingRule,
  objectName: string,
  here: { readonly protocol: string; readonly host: string; readonly base: string },
): { readonly status: number; readonly location: string } {
  const redirect = rule.Redirect ?? {};
  const { ReplaceKeyWith, ReplaceKeyPrefixWith } = redirect;
  const kept = objectName.slice((rule.Condition?.KeyPrefixEquals ?? "").length);
  const path =
    ReplaceKeyWith !== undefined
      ? asWritten(ReplaceKeyWith)
      : ReplaceKeyPrefixWith !== undefined
        ? asWritten(ReplaceKeyPrefixWith) + encodePath(kept)
        : encodePath(objectName);
  const host = redirect.HostName;
  return {
    status: Number(redirect.HttpRedirectCode ?? 301),
    // On its own host a website in path style stays below its own path.
    location: `${redirect.Protocol ?? here.protocol}://${host ?? here.host + here.base}/${path}`,
  };
}

/** A key as a URL's path. */
export const encodePath = (objectName: string): string => encodeURIComponent(objectName).replaceAll("%2F", "/");

/** A rule's replacement may hold escapes, a query or a fragment: only what no URL may hold is escaped. */
const asWritten = (text: string): string => encodeURI(text).replaceAll("%25", "%");
