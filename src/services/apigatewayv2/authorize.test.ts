import assert from "node:assert/strict";
import { createSign, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { type ApiPlatform, type ApiPlatformOptions, openApiPlatform } from "../apigateway-common/testing.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hello";
const GATE = `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${FUNCTION}-gate/invocations`;
const NOW_SECONDS = Date.UTC(2026, 0, 1) / 1000;

async function withRoute(
  options: ApiPlatformOptions,
  authorizer: object | undefined,
  route: object,
  work: (platform: ApiPlatform, apiId: string) => Promise<void>,
): Promise<void> {
  const platform = await openApiPlatform(options);
  try {
    const { ApiId } = await platform.call("apigatewayv2", "CreateApi", { Name: "a", ProtocolType: "HTTP" });
    await platform.call("apigatewayv2", "CreateStage", { ApiId, StageName: "$default", AutoDeploy: true });
    const { IntegrationId } = await platform.call("apigatewayv2", "CreateIntegration", {
      ApiId,
      IntegrationType: "AWS_PROXY",
      IntegrationUri: FUNCTION,
      PayloadFormatVersion: "2.0",
    });
    const made =
      authorizer &&
      (await platform.call("apigatewayv2", "CreateAuthorizer", { ApiId, Name: "gate", ...authorizer } as never));
    await platform.call("apigatewayv2", "CreateRoute", {
      ApiId,
      RouteKey: "GET /x",
      Target: `integrations/${IntegrationId}`,
      ...(made && { AuthorizerId: made.AuthorizerId }),
      ...route,
    });
    await work(platform, ApiId!);
  } finally {
    await platform.close();
  }
}

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const others = generateKeyPairSync("rsa", { modulusLength: 2048 });

function token(claims: object, { key = keys.privateKey, header = {} } = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "RS256", kid: "k1", ...header })}.${part(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(key).toString("base64url")}`;
}

const CLAIMS = {
  iss: "https://issuer.test/pool",
  aud: "client",
  exp: NOW_SECONDS + 60,
  scope: "read write",
  groups: ["a", "b"],
};

test("JWT authorizers verify tokens with the issuer's keys and hand the claims on", async () => {
  let fetched = 0;
  const http: ApiPlatformOptions["http"] = ({ url }) => {
    fetched++;
    const document =
      url.href === "https://issuer.test/pool/.well-known/openid-configuration"
        ? { jwks_uri: "https://issuer.test/keys" }
        : { keys: [{ ...keys.publicKey.export({ format: "jwk" }), kid: "k1", use: "sig" }] };
    return { status: 200, headers: [], body: Buffer.from(JSON.stringify(document)) };
  };
  await withRoute(
    { http, lambda: ({ event }) => event.requestContext.authorizer },
    {
      AuthorizerType: "JWT",
      IdentitySource: ["$request.header.Authorization"],
      JwtConfiguration: { Issuer: CLAIMS.iss, Audience: ["client"] },
    },
    { AuthorizationType: "JWT", AuthorizationScopes: ["write"] },
    async (platform, apiId) => {
      const get = async (value?: string) => {
        const reply = await platform.send("GET", `${apiId}/x`, value ? { headers: { Authorization: value } } : {});
        return [reply.status, reply.json];
      };
      assert.deepEqual(await get(`Bearer ${token(CLAIMS)}`), [
        200,
        {
          jwt: {
            claims: { ...CLAIMS, exp: String(CLAIMS.exp), groups: "[a b]" },
            scopes: ["read", "write"],
          },
        },
      ]);
      assert.equal((await get(token(CLAIMS)))[0], 200);
      assert.equal(fetched, 2, "keys are fetched once");
      const unauthorized = [401, { message: "Unauthorized" }];
      assert.deepEqual(await get(), unauthorized);
      assert.deepEqual(await get("Bearer nonsense"), unauthorized);
      for (const bad of [
        token({ ...CLAIMS, exp: NOW_SECONDS }),
        token({ ...CLAIMS, nbf: NOW_SECONDS + 60 }),
        token({ ...CLAIMS, aud: "other" }),
        token({ ...CLAIMS, iss: "https://elsewhere" }),
        token(CLAIMS, { key: others.privateKey }),
        token(CLAIMS, { header: { alg: "none" } }),
        token(CLAIMS, { header: { kid: "k2" } }),
      ]) {
        assert.deepEqual(await get(`Bearer ${bad}`), unauthorized);
      }
      assert.deepEqual(await get(`Bearer ${token({ ...CLAIMS, scope: "read" })}`), [403, { message: "Forbidden" }]);
      const { aud: _, ...rest } = CLAIMS;
      assert.equal((await get(`Bearer ${token({ ...rest, client_id: "client" })}`))[0], 200);
    },
  );
});

test("Lambda authorizers: simple answers are cached per identity until they run out", () =>
  withRoute(
    {
      lambda: ({ functionName, event }) => {
        if (!functionName.endsWith("-gate")) return event.requestContext.authorizer;
        if (event.identitySource[0] === "broken") throw new Error("broken");
        return { isAuthorized: event.identitySource[0] === "open", context: { who: "me" } };
      },
    },
    {
      AuthorizerType: "REQUEST",
      AuthorizerUri: GATE,
      AuthorizerPayloadFormatVersion: "2.0",
      EnableSimpleResponses: true,
      AuthorizerResultTtlInSeconds: 60,
      IdentitySource: ["$request.header.X-Key", "$request.querystring.q"],
    },
    { AuthorizationType: "CUSTOM" },
    async (platform, apiId) => {
      const get = async (key: string, query = "?q=1") =>
        (await platform.send("GET", `${apiId}/x${query}`, { headers: { "x-key": key } })).status;
      assert.equal(await get("open", ""), 401);
      assert.equal(await get("shut"), 403);
      assert.equal(await get("broken"), 500);
      const asked = () => platform.invoked.filter(({ functionName }) => functionName.endsWith("-gate")).length;
      const before = asked();
      assert.deepEqual([await get("open"), await get("open"), await get("open", "?q=2")], [200, 200, 200]);
      assert.equal(asked() - before, 2);
      const event = platform.invoked.find(({ functionName }) => functionName.endsWith("-gate"))!.event;
      assert.equal(event.type, "REQUEST");
      assert.equal(event.version, "2.0");
      assert.equal(event.routeArn, `arn:aws:execute-api:us-east-1:000000000000:${apiId}/$default/GET/x`);
      assert.deepEqual(event.identitySource, ["shut", "1"]);
      await platform.advance(60_001);
      assert.equal(await get("open"), 200);
      assert.equal(asked() - before, 3);
    },
  ));

test("Lambda authorizers: a policy is read for the route that is called", () =>
  withRoute(
    {
      lambda: ({ functionName, event }) =>
        functionName.endsWith("-gate")
          ? {
              principalId: "p",
              policyDocument: {
                Version: "2012-10-17",
                Statement: [
                  {
                    Action: "execute-api:*",
                    Effect: "Allow",
                    Resource: event.methodArn.replace("/x", `/${event.queryStringParameters.allow}`),
                  },
                ],
              },
              context: { n: 1 },
            }
          : event.requestContext.authorizer,
    },
    { AuthorizerType: "REQUEST", AuthorizerUri: GATE, AuthorizerPayloadFormatVersion: "1.0" },
    { AuthorizationType: "CUSTOM" },
    async (platform, apiId) => {
      assert.deepEqual((await platform.send("GET", `${apiId}/x?allow=*`)).json, { lambda: { n: 1 } });
      assert.equal((await platform.send("GET", `${apiId}/x?allow=y`)).status, 403);
    },
  ));

test("AWS_IAM lets signed callers through whose policies allow it", () =>
  withRoute(
    {
      lambda: ({ event }) => event.requestContext.authorizer.iam.userArn,
      mayInvoke: async (_flow, { principal, resource }) =>
        principal.type === "root" && resource.endsWith("/$default/GET/x"),
    },
    undefined,
    { AuthorizationType: "AWS_IAM" },
    async (platform, apiId) => {
      const stranger = await platform.send("GET", `${apiId}/x`);
      assert.deepEqual([stranger.status, stranger.text], [403, '{"message":"Forbidden"}']);
      const root = await platform.send("GET", `${apiId}/x`, { as: {} });
      assert.deepEqual([root.status, root.text], [200, "arn:aws:iam::000000000000:root"]);
    },
  ));
