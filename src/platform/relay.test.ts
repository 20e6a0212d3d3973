import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { createRelay } from "./relay.ts";

/** As much of SMTP as one message needs; remembers what it is told. */
function smtpServer(answers: Record<string, string> = {}) {
  const lines: string[] = [];
  const server = createServer((socket) => {
    let inData = false;
    let rest = "";
    socket.write("220 test ESMTP\r\n");
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1");
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        lines.push(line);
        if (inData) {
          if (line !== ".") continue;
          inData = false;
          socket.write("250 queued\r\n");
          continue;
        }
        const verb = line.slice(0, 4).toUpperCase();
        inData = verb === "DATA";
        socket.write(`${answers[verb] ?? (inData ? "354 go on" : verb === "QUIT" ? "221 bye" : "250 ok")}\r\n`);
      }
    });
  });
  return { server, lines };
}

async function listening<T>(
  answers: Record<string, string>,
  use: (url: string, lines: string[]) => Promise<T>,
): Promise<T> {
  const { server, lines } = smtpServer(answers);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, lines);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const mail = {
  id: "1",
  from: "shop@example.com",
  to: ["a@example.org", "b@example.org"],
  mime: Buffer.from("From: shop@example.com\r\nSubject: x\r\n\r\n.first line begins with a dot\r\n"),
};

test("the envelope and the very bytes reach the server", () =>
  listening({}, async (url, lines) => {
    await createRelay(url)(mail);
    assert.ok(lines.includes("MAIL FROM:<shop@example.com>"));
    assert.deepEqual(
      lines.filter((line) => line.startsWith("RCPT")),
      ["RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>"],
    );
    const data = lines.slice(lines.indexOf("DATA") + 1, lines.indexOf("."));
    assert.deepEqual(data, ["From: shop@example.com", "Subject: x", "", "..first line begins with a dot"]);
  }));

test("a server that refuses is an error, so that it is tried again", () =>
  listening({ MAIL: "451 later" }, async (url) => {
    await assert.rejects(createRelay(url)(mail), /451/);
  }));
