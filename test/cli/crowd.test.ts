/** Many pictures at once for the function of the second example: all done, the platform's memory bounded, others served, nothing left running. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  askOther,
  copyExample,
  deadLetters,
  end,
  residentMbOf,
  resultKeys,
  startSite,
  untilDone,
  uploadAll,
  watch,
  workersOf,
} from "../../bench/pictures.ts";
import { temporaryFolder } from "../../src/cli/testing/command.ts";

/** `VIRGA_PICTURES=500` for the whole proof: some minutes on two cores. */
const PICTURES = Number(process.env["VIRGA_PICTURES"] ?? 60);
const WITHIN_MS = 400_000;
const GROWTH_MB_MAX = 400;
/** The keep-alive, and patience. */
const GONE_MS = 60_000;

test(`${PICTURES} pictures at once`, async () => {
  const folder = temporaryFolder();
  copyExample(folder);
  const site = await startSite(folder, "0", "--keep-alive-minutes", "0.1");
  const idleMb = residentMbOf(site);
  const { samples, stop } = watch(site, 500, () => 0);
  const ids = await uploadAll(site, PICTURES);
  assert.equal(ids.length, PICTURES, "every upload is acknowledged");

  // Another function answers all the while.
  let asking = true;
  let answers = 0;
  const others = (async () => {
    while (asking) {
      await askOther(site, ids[0]!);
      answers++;
      await sleep(500);
    }
  })();
  assert.equal(await untilDone(site, ids, WITHIN_MS), PICTURES);
  asking = false;
  await others;
  assert.ok(answers > 0);

  const keys = await resultKeys(site);
  assert.deepEqual(
    new Set(keys),
    new Set(ids.flatMap((id) => ["result.json", "thumbnail.webp", "web.webp"].map((name) => `pictures/${id}/${name}`))),
  );
  assert.equal(keys.length, 3 * PICTURES);
  assert.equal(await deadLetters(site), 0);
  const peakMb = Math.max(...samples.map(({ residentMb }) => residentMb));
  assert.ok(peakMb - idleMb < GROWTH_MB_MAX, `the platform grew from ${idleMb.toFixed(0)} to ${peakMb.toFixed(0)} MB`);
  const peak = Math.max(...samples.map(({ workers }) => workers));
  assert.ok(peak > 1, "workers came with the load");

  for (const untilMs = Date.now() + GONE_MS; workersOf(site) > 0; await sleep(500)) {
    assert.ok(Date.now() < untilMs, `${workersOf(site)} workers are left`);
  }
  stop();
  await end(site, "SIGTERM");
});
