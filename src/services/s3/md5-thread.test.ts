import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { VirtualClock } from "../../kernel/clock.ts";
import { SeededRandom } from "../../kernel/random.ts";
import { Md5Thread } from "./md5-thread.ts";

const random = new SeededRandom(1);
const sizes = [0, 1, 65_536, 524_287, 524_288, 524_289, 3_000_000, 20_000_000];

test("the digest is that of the bytes, whatever pieces they came in; bodies side by side do not mix", async () => {
  const thread = new Md5Thread();
  const clock = new VirtualClock(0);
  const bodies = sizes.map((size) => Buffer.alloc(size, random.bytes(1021)));
  const digests = await Promise.all(
    bodies.map(async (body) => {
      const md5 = thread.begin(clock);
      for (let at = 0; at < body.length; ) {
        const taken = 1 + random.integer(200_000);
        await md5.update(body.subarray(at, at + taken));
        at += taken;
      }
      return md5.digest();
    }),
  );
  assert.deepEqual(
    digests.map((digest) => digest.toString("hex")),
    bodies.map((body) => createHash("md5").update(body).digest("hex")),
  );
  // Ended after a while without work, and started again by the next body.
  clock.advanceTo(60_000);
  const dropped = thread.begin(clock);
  await dropped.update(bodies[6]!);
  dropped.drop();
  const again = thread.begin(clock);
  await again.update(Buffer.from("a"));
  assert.equal((await again.digest()).toString("hex"), "0cc175b9c0f1b6a831c399e269772661");
  clock.advanceTo(120_000);
});
