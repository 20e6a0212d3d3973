/**
 * JWT authorizers: tokens of an OpenID Connect issuer, verified with the keys it publishes.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import type { FlowContext } from "../service.ts";
import { withDeadline } from "./deadline.ts";
import type { ApigatewayPorts } from "./ports.ts";

/** An issuer's keys are kept this long. */
const KEYS_KEPT_MS = 2 * 60 * 60_000;
const FETCH_MS_MAX = 1_500;
const DOCUMENT_BYTES_MAX = 150_000;
/** An unknown key id makes the keys be fetched again, at most this often. */
const REFETCH_MS_MIN = 30_000;
const ISSUERS_MAX = 200;
/** API Gateway supports RSA-based algorithms only. */
const ALGORITHMS: Readonly<Record<string, string>> = { RS256: "RSA-SHA256", RS384: "RSA-SHA384", RS512: "RSA-SHA512" };

export type JwtOutcome =
  | { readonly ok: true; readonly claims: Readonly<Record<string, unknown>>; readonly scopes: readonly string[] }
  | { readonly ok: false; readonly status: 401 | 403 | 500; readonly description: string };

export interface JwtVerifier {
  verify(
    flow: FlowContext,
    token: string,
    expected: { readonly issuer: string; readonly audience: readonly string[]; readonly scopes: readonly string[] },
  ): Promise<JwtOutcome>;
}

interface Keys {
  readonly fetchedMs: number;
  readonly byId: ReadonlyMap<string, KeyObject>;
}

export function createJwtVerifier(ports: Pick<ApigatewayPorts, "sendHttp">): JwtVerifier {
  const issuers = new Map<string, Promise<Keys>>();

  async function keysOf(flow: FlowContext, issuer: string, keyId: string): Promise<KeyObject | undefined> {
    const nowMs = flow.clock.nowMs();
    const cached = issuers.get(issuer);
    const known = await cached?.catch(() => undefined);
    if (known && nowMs - known.fetchedMs < KEYS_KEPT_MS) {
      const found = known.byId.get(keyId);
      if (found || nowMs - known.fetchedMs < REFETCH_MS_MIN) return found;
    }
    if (issuers.get(issuer) === cached) {
      if (issuers.size >= ISSUERS_MAX) issuers.clear();
      issuers.set(issuer, fetchKeys(flow, ports, issuer));
    }
    return (await issuers.get(issuer)!).byId.get(keyId);
  }

  const refuse = (description: string): JwtOutcome => ({ ok: false, status: 401, description });

  return {
    async verify(flow, token, expected) {
      const bare = token.replace(/^Bearer\s+/i, "");
      const [head, payload, signature, ...more] = bare.split(".");
      const header = decode(head);
      const claims = decode(payload);
      if (!header || !claims || !signature || more.length > 0) return refuse("The token is malformed");
      const algorithm = ALGORITHMS[String(header["alg"])];
      if (!algorithm) return refuse("signing method is invalid");
      let publicKey: KeyObject | undefined;
      try {
        publicKey = await keysOf(flow, expected.issuer, String(header["kid"]));
      } catch (error) {
        flow.log.warn("The issuer of a JWT authorizer does not answer", {
          issuer: expected.issuer,
          error: String(error),
        });
        return { ok: false, status: 500, description: "OIDC discovery failed" };
      }
      if (!publicKey) return refuse("unable to find matching key");
      if (!verify(algorithm, Buffer.from(`${head}.${payload}`), publicKey, Buffer.from(signature, "base64url"))) {
        return refuse("the token has an invalid signature");
      }
      const nowSeconds = flow.clock.nowMs() / 1000;
      if (claims["iss"] !== expected.issuer) return refuse("the token has an invalid issuer");
      const audience = claims["aud"] ?? claims["client_id"];
      const audiences = Array.isArray(audience) ? audience : [audience];
      if (!audiences.some((one) => expected.audience.includes(String(one))))
        return refuse("the token does not have a valid audience");
      if (typeof claims["exp"] !== "number" || claims["exp"] <= nowSeconds) return refuse("the token has expired");
      if (typeof claims["nbf"] === "number" && claims["nbf"] > nowSeconds) return refuse("the token is not valid yet");
      if (typeof claims["iat"] === "number" && claims["iat"] > nowSeconds)
        return refuse("the token was issued in the future");
      const granted = scopesOf(claims["scope"] ?? claims["scp"]);
      if (expected.scopes.length > 0 && !expected.scopes.some((scope) => granted.includes(scope))) {
        return { ok: false, status: 403, description: "the token does not have a required scope" };
      }
      return { ok: true, claims, scopes: granted };
    },
  };
}

function scopesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" ? value.split(" ").filter((scope) => scope !== "") : [];
}

function decode(part: string | undefined): Record<string, unknown> | undefined {
  if (!part) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function fetchKeys(flow: FlowContext, ports: Pick<ApigatewayPorts, "sendHttp">, issuer: string): Promise<Keys> {
  const fetchJson = (url: URL): Promise<Record<string, unknown>> =>
    withDeadline(flow.clock, FETCH_MS_MAX, async (signal) => {
      const response = await ports.sendHttp({
        method: "GET",
        url,
        headers: [
          ["host", url.host],
          ["accept", "application/json"],
        ],
        body: new Uint8Array(),
        signal,
        responseBytesMax: DOCUMENT_BYTES_MAX,
      });
      if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
      return JSON.parse(response.body.toString("utf8")) as Record<string, unknown>;
    });
  const base = issuer.endsWith("/") ? issuer : `${issuer}/`;
  const discovery = await fetchJson(new URL(".well-known/openid-configuration", base));
  const { keys } = await fetchJson(new URL(String(discovery["jwks_uri"])));
  const byId = new Map<string, KeyObject>();
  for (const jwk of Array.isArray(keys) ? keys : []) {
    if (jwk?.kty === "RSA" && typeof jwk.kid === "string")
      byId.set(jwk.kid, createPublicKey({ key: jwk, format: "jwk" }));
  }
  return { fetchedMs: flow.clock.nowMs(), byId };
}
