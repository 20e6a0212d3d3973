/** What SNS needs of the outside world: HTTP to subscribed endpoints, and an RSA key of its own. */
import { generateKeyPairSync } from "node:crypto";
import { sendHttp } from "../services/apigateway-common/http-client.ts";
import type { SnsPorts } from "../services/sns/service.ts";

/** What an endpoint answers is not read; this much of it may come. */
const RESPONSE_BYTES_MAX = 1024 * 1024;

export const snsPorts: SnsPorts = {
  post: (post) => sendHttp({ ...post, method: "POST", responseBytesMax: RESPONSE_BYTES_MAX }),
  makeKeyPair: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
};
