/** The platform is killed with -9 while uploaded pictures are being processed. After the restart every one that was acknowledged is done, once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { copyExample, deadLetters, end, resultKeys, startSite, untilDone, uploadAll } from "../../bench/pictures.ts";
import { temporaryFolder } from "../../src/cli/testing/command.ts";

/** `VIRGA_PICTURES=500` for the whole proof: some minutes on two cores. */
const PICTURES = Number(process.env["VIRGA_PICTURES"] ?? 40);
/** Few enough that the first kill finds some pictures not yet sent. */
const CONNECTIONS = Math.ceil(PICTURES / 12);
/** The first kill comes in the middle of the uploads, the second in the middle of the work. */
const KILL_AFTER_UPLOADS = Math.floor(PICTURES * 0.4);
/** Objects, three for each picture. */
const KILL_AFTER_RESULTS = Math.floor(PICTURES / 10);
const WITHIN_MS = 400_000;

test(`${PICTURES} pictures, kill -9 while they arrive and again while they are processed: each is done, once`, async () => {
  const folder = temporaryFolder();
  copyExample(folder);
  let site = await startSite(folder, "0");
  const { port } = new URL(site.endpoint);

  let arrived = 0;
  const strike = () => {
    if (++arrived === KILL_AFTER_UPLOADS) site.child.kill("SIGKILL");
  };
  const acknowledged = await uploadAll(site, PICTURES, strike, CONNECTIONS);
  assert.ok(
    acknowledged.length >= KILL_AFTER_UPLOADS && acknowledged.length < PICTURES,
    `${acknowledged.length} arrived`,
  );
  await end(site, "SIGKILL");
  site = await startSite(folder, port);
  acknowledged.push(...(await uploadAll(site, PICTURES - acknowledged.length)));
  assert.equal(acknowledged.length, PICTURES);

  const before = (await resultKeys(site)).length;
  while ((await resultKeys(site)).length < before + KILL_AFTER_RESULTS) await sleep(50);
  const early = (await resultKeys(site)).filter((key) => key.endsWith("/result.json")).length;
  assert.ok(early < PICTURES, "it was killed in the middle");
  await end(site, "SIGKILL");
  site = await startSite(folder, port);

  assert.equal(await untilDone(site, acknowledged, WITHIN_MS), PICTURES);
  const keys = await resultKeys(site);
  assert.equal(new Set(keys).size, keys.length);
  for (const id of acknowledged) {
    const own = keys.filter((key) => key.startsWith(`pictures/${id}/`));
    assert.deepEqual(own, [`pictures/${id}/result.json`, `pictures/${id}/thumbnail.webp`, `pictures/${id}/web.webp`]);
  }
  assert.equal(await deadLetters(site), 0, "no picture was given up");
  console.log(`${PICTURES} acknowledged, ${early} done at the second kill, ${PICTURES} done in the end`);
  await end(site, "SIGTERM");
});
