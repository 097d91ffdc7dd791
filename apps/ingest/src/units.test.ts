import { parseRepositoryName, parseTag } from "@drayage/oci-core/model";
import { describe, expect, it } from "vitest";
import { addressOf } from "./address.ts";
import { bodyBudget } from "./body-budget.ts";
import { eventsOf, traceparentOf } from "./events.ts";
import { rarely } from "./rarely.ts";
import { problemOf, REFUSALS } from "./refusal.ts";

describe("addressOf", () => {
  it.each([
    ["/notifications/lab", "lab"],
    ["/notifications/lab/", "lab"],
    ["/notifications/lab?token=x", "lab"],
    ["/notifications/eu%2Flab", "eu/lab"],
    ["/notifications/..", ".."],
  ])("%s is for %s", (url, registry) => expect(addressOf(url)).toEqual({ _tag: "Notification", registry }));
  it.each([
    ["?secret=a%2Fb%20c", "a/b c"],
    ["?x=1&secret=first&secret=second", "first"],
    ["?secret=", ""],
    ["?secret=a?b", "a"],
  ])("%s has a secret", (query, secret) =>
    expect(addressOf(`/notifications/hub${query}`)).toEqual({ _tag: "Notification", registry: "hub", secret }),
  );
  it.each([
    "/",
    "/notifications",
    "/notifications/",
    "/notifications/a/b",
    "/notifications/%zz",
    `/notifications/${"a".repeat(201)}`,
    undefined,
  ])("%s is for nobody", (url) => expect(addressOf(url)).toEqual({ _tag: "NoSuchPath" }));
});

it("what happens rarely tells how many were held back", () => {
  const gate = rarely(1000);
  expect([
    gate.now("a", 0),
    gate.now("a", 1),
    gate.now("b", 2),
    gate.now("a", 999),
    gate.now("a", 1000),
    gate.now("a", 2001),
  ]).toEqual([0, undefined, 0, undefined, 2, 0]);
});

it("the budget of bodies refuses what does not fit, and gets its room back after success and failure", async () => {
  const budget = bodyBudget(10);
  const open = Promise.withResolvers<string>();
  const first = budget.within(6, () => open.promise);
  expect(await budget.within(5, () => Promise.resolve("second"))).toBeUndefined();
  expect(await budget.within(4, () => Promise.resolve("third"))).toBe("third");
  open.resolve("first");
  expect(await first).toBe("first");
  await expect(budget.within(10, () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
  expect(await budget.within(10, () => Promise.resolve("all"))).toBe("all");
});

it("what a retry mends is 503 with Retry-After, and nothing else is", () => {
  for (const [reason, { status, headers }] of Object.entries(REFUSALS)) {
    expect([reason, status >= 500]).toEqual([reason, headers?.["retry-after"] !== undefined]);
    expect(status >= 400 && status < 600 && (status < 500 || status === 503)).toBe(true);
  }
  expect(problemOf("bad-secret", "why")).toEqual({
    status: 401,
    title: "Secret not accepted",
    detail: "why",
    reason: "bad-secret",
  });
});

it.each([
  ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true],
  ["00-00000000000000000000000000000000-b7ad6b7169203331-01", false],
  ["ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false],
  ["x", false],
  [undefined, false],
])("traceparent %s is kept: %s", (header, kept) => expect(traceparentOf(header)).toBe(kept ? header : undefined));

describe("eventsOf", () => {
  const repository = parseRepositoryName("team/web");
  const tag = parseTag("sha256-05c0d6efe983fba0c238a99ea3cf4779a643e57c039447d0eff4462c68b51665.sig");
  if (repository === undefined || tag === undefined) throw new Error("a test needs names");
  const origin = { registry: "lab", correlationId: "c" };

  it("a deletion without a tag is two events of one delivery, told apart in what they are deduplicated by", () => {
    const events = eventsOf([{ _tag: "Deleted", repository, delivery: { id: "d1", actor: "robot" } }], origin);
    expect(events).toMatchObject([
      { type: "io.drayage.tag.deleted.v1", actor: "robot", source: "/registries/lab", correlationId: "c" },
      { type: "io.drayage.rescan.requested.v1", actor: "robot", source: "/registries/lab", correlationId: "c" },
    ]);
    expect(new Set(events.map(({ dedupe }) => dedupe)).size).toBe(2);
  });

  it("of one delivery id, what says the same is the same, in any order, and what says something else is not", () => {
    const latest = parseTag("latest");
    const delivery = { id: "d1" };
    const one = { _tag: "Pushed", repository, tag, delivery } as const;
    const other = { _tag: "Pushed", repository, tag: latest, delivery } as const;
    const keys = (...of: ReadonlyArray<typeof one | typeof other>) => eventsOf(of, origin).map(({ dedupe }) => dedupe);
    const [first, second] = keys(one, other);
    expect(first === second).toBe(false);
    expect(keys(other, one, one)).toEqual([second, first, first]);
    expect(eventsOf([one], { ...origin, registry: "elsewhere" })[0]?.dedupe === first).toBe(false);
  });

  it("without a delivery id nothing is deduplicated; a digest tag is a referrer", () => {
    expect(eventsOf([{ _tag: "Pushed", repository, tag }], origin)).toMatchObject([
      { type: "io.drayage.referrer.pushed.v1", dedupe: undefined, actor: "registry:lab" },
    ]);
  });
});
