/** A service at zero behind a load balancer, with everything between a request and its answer: a real client and a real server stand at both ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestPlatform } from "../../platform/testing.ts";
import { BALANCED, DRAIN_SECONDS, withBalancedService } from "./testing/balanced.ts";

const mayScale = (platform: TestPlatform, MinCapacity: number, MaxCapacity = 2) =>
  platform.call("applicationautoscaling", "RegisterScalableTarget", { ...BALANCED, MinCapacity, MaxCapacity });

test("requests to a service at zero wake it, wait, and are answered; one task is enough for all of them", () =>
  withBalancedService(async ({ platform, engine, ask, during, desired, served }) => {
    await mayScale(platform, 0);
    assert.equal(await desired(), 0);
    const { result, tookMs } = await during(Promise.all([ask("/a"), ask("/b"), ask("/c")]));
    assert.deepEqual(
      result.map(({ status, text }) => [status, text]),
      [
        [200, "answered /a"],
        [200, "answered /b"],
        [200, "answered /c"],
      ],
    );
    assert.deepEqual(served.toSorted(), ["/a", "/b", "/c"]);
    assert.equal(await desired(), 1);
    assert.equal(engine.live().length, 1);
    // Sooner than at the next regular health check. Real sockets lie between, so the steps of the clock are not counted exactly.
    assert.ok(tookMs < 25_000, `${tookMs} ms`);
  }));

test("and again, once it has gone back to zero", () =>
  withBalancedService(async ({ platform, engine, ask, during, desired, setDesired }) => {
    await mayScale(platform, 0);
    for (let round = 0; round < 2; round++) {
      assert.equal((await during(ask())).result.status, 200);
      await setDesired(0);
      await platform.advance(DRAIN_SECONDS * 1000 + 2000);
      assert.deepEqual([engine.live().length, await desired()], [0, 0]);
    }
  }));

test("a scale-in does not disturb whoever is answered, and what comes meanwhile wakes it anew", () =>
  withBalancedService(async ({ platform, ask, during, setDesired, desired }) => {
    await mayScale(platform, 0);
    await during(ask());
    await setDesired(0);
    await platform.advance(1000);
    // The one task drains; it is not asked any more.
    assert.equal((await during(ask("/late"))).result.text, "answered /late");
    assert.equal(await desired(), 1);
  }));

for (const [what, minimum, maximum] of [
  ["without a scalable target", undefined, undefined],
  ["whose minimum is not zero", 1, 2],
  ["that may have no task at all", 0, 0],
] as const) {
  test(`a service at zero ${what} is left alone: 503, as on AWS`, () =>
    withBalancedService(async ({ platform, ask, during, setDesired, desired }) => {
      if (minimum !== undefined) await mayScale(platform, minimum, maximum);
      await platform.advance(1000);
      // Somebody's own doing, past the scalable target's limits.
      await setDesired(0);
      await platform.advance(DRAIN_SECONDS * 1000 + 2000);
      const { result, tookMs } = await during(ask());
      assert.equal(result.status, 503);
      assert.ok(tookMs < 30_000, `it did not wait for a task, which may take a minute: ${tookMs} ms`);
      assert.equal(await desired(), 0);
    }));
}

test("an engine that is away: the request is answered with 503 after a minute, and the next one once it is back", () =>
  withBalancedService(async ({ platform, engine, ask, during }) => {
    await mayScale(platform, 0);
    engine.available = false;
    const { result, tookMs } = await during(ask());
    assert.equal(result.status, 503);
    assert.ok(tookMs >= 60_000 && tookMs < 90_000, `${tookMs} ms`);
    engine.available = true;
    assert.equal((await during(ask())).result.status, 200);
  }));
