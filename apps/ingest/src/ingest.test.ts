import { createHmac } from "node:crypto";
import { connect } from "node:net";
import type { RegistryConfig } from "@drayage/config";
import { type Database, EventLog, eventLogMigrations, LogUnavailable, layerDatabase } from "@drayage/event-log";
import { createTestDatabase, layerTestDatabase, layerTestLog } from "@drayage/event-log/testing";
import type { NotificationSecrets } from "@drayage/oci-core";
import { loggingTo, logSettings, prometheusText } from "@drayage/runtime";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Redacted from "effect/Redacted";
import * as Scope from "effect/Scope";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IngestOptions, ingest } from "./ingest.ts";

const SECRETS = { old: "old-s3cret", current: "current-s3cret", hmac: "hmac-s3cret" };
const registry = (
  name: string,
  more: {
    readonly type?: "oci" | "artifactory";
    readonly notifications?: NotificationSecrets;
  },
): readonly [string, RegistryConfig] => {
  const common = {
    name,
    url: new URL("http://127.0.0.1:1"),
    auth: [],
    notifications: more.notifications ?? { scheme: "shared-secret" as const, secrets: [] },
    traits: {},
    network: {},
  };
  return [
    name,
    more.type === "artifactory"
      ? { ...common, type: "artifactory", access: "repository-path" }
      : { ...common, type: "oci" },
  ];
};
const secret = (scheme: "shared-secret" | "hmac-sha256", ...secrets: ReadonlyArray<string>) => ({
  scheme,
  secrets: secrets.map((text) => Redacted.make(text)),
});
const config: IngestOptions["config"] = {
  http: { ingest: { host: "127.0.0.1", port: 0 }, admin: { host: "127.0.0.1", port: 0 } },
  registries: Object.fromEntries([
    registry("open", {}),
    registry("lab", { notifications: secret("shared-secret", SECRETS.old, SECRETS.current) }),
    registry("art", { type: "artifactory", notifications: secret("shared-secret", SECRETS.current) }),
    registry("signed", { type: "artifactory", notifications: secret("hmac-sha256", "rotated-away", SECRETS.hmac) }),
  ]),
};

/** Everything that any ingest of this file logged. */
const logged: Array<string> = [];
const logging = loggingTo(logSettings({ DRAYAGE_LOG_LEVEL: "trace" }, false), (line) => {
  logged.push(line);
});

/** An ingest that runs until it is disposed, over a log of its own. */
const started = async <E>(log: Layer.Layer<EventLog | Database, E>, options: Partial<IngestOptions> = {}) => {
  const scope = Scope.makeUnsafe();
  const lost: Array<string> = [];
  const onNewsLost = (name: string, why: string) => Effect.sync(() => void lost.push(`${name}: ${why}`));
  const { server, events } = await Effect.runPromise(
    Effect.gen(function* () {
      const services = yield* Layer.build(log);
      const running = yield* Effect.provide(ingest({ config, onNewsLost, ...options }), services);
      return { server: running, events: yield* Effect.provide(EventLog, services) };
    }).pipe(Effect.provide(logging), (effect) => Scope.provide(effect, scope)),
  );
  return {
    ...server,
    lost,
    post: (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
      fetch(`${server.url}${path}`, {
        method: "POST",
        body: Buffer.from(body),
        headers: { "content-type": "application/json", ...headers },
      }),
    recorded: (after: number) => Effect.runPromise(events.read({ after, limit: 1000 })),
    [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  };
};

const DIGEST = `sha256:${"0".repeat(64)}`;
const manifest = "application/vnd.oci.image.manifest.v1+json";
let ids = 0;
const pushed = (repository: string, tag: string, id = `id-${++ids}`) => ({
  id,
  timestamp: "2026-11-21T03:02:03.840917503Z",
  action: "push",
  target: { mediaType: manifest, digest: DIGEST, repository, tag },
  actor: { name: "robot" },
  request: { host: "evil.example.com" },
});
const distribution = (...events: ReadonlyArray<object>): string => JSON.stringify({ events });
const webhook = (data: object = {}, event = "pushed"): string =>
  JSON.stringify({
    domain: "docker",
    event_type: event,
    data: { repo_key: "docker-local", path: "team/web/1.4/manifest.json", tag: "1.4", sha256: "0".repeat(64), ...data },
    jpd_origin: "https://evil.example.com",
  });
const bearer = { authorization: `Bearer ${SECRETS.current}` };
const jfrog = (value: string) => ({ "x-jfrog-event-auth": value });
const sign = (body: string, key = SECRETS.hmac) => jfrog(createHmac("sha256", key).update(body).digest("hex"));

describe("over the real log", () => {
  let server: Awaited<ReturnType<typeof started>>;
  beforeAll(async () => {
    server = await started(layerTestLog(), { bodyTimeoutMs: 100 });
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose](), 60_000);

  const accepted = async (response: Response): Promise<ReadonlyArray<number>> => {
    const body: unknown = await response.json();
    expect({ status: response.status, body }).toMatchObject({ status: 202, body: { positions: expect.any(Array) } });
    return (body as { positions: ReadonlyArray<number> }).positions;
  };

  it("a push is in the log when it is answered, as a CloudEvent that names who and what", async () => {
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const type = "application/vnd.docker.distribution.events.v2+json";
    const response = await server.post("/notifications/lab", distribution(pushed("team/web", "1.4.2")), {
      ...bearer,
      "content-type": type,
      traceparent: trace,
    });
    const [position = 0] = await accepted(response);
    const [event] = await server.recorded(position - 1);
    expect(event).toMatchObject({
      position,
      type: "io.drayage.image.pushed.v1",
      source: "/registries/lab",
      subject: "lab/team/web:1.4.2",
      actor: "robot",
      time: new Date("2026-11-21T03:02:03.840Z"),
      traceparent: trace,
      data: { registry: "lab", repository: "team/web", tag: "1.4.2", digest: DIGEST },
    });
    expect(event?.correlationId).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(event)).not.toContain("evil");
  });

  it("several events of one body come in order, and what is of no interest is left out", async () => {
    const body = distribution(pushed("a", "v1"), { action: "pull" }, pushed("b", "v2"), {
      action: "delete",
      target: { repository: "c", digest: DIGEST },
    });
    const positions = await accepted(await server.post("/notifications/lab", body, bearer));
    const events = await server.recorded((positions[0] ?? 0) - 1);
    expect(events.map(({ type, subject }) => `${type} ${subject}`)).toEqual([
      "io.drayage.image.pushed.v1 lab/a:v1",
      "io.drayage.image.pushed.v1 lab/b:v2",
      `io.drayage.tag.deleted.v1 lab/c@${DIGEST}`,
      "io.drayage.rescan.requested.v1 lab/c",
    ]);
  });

  it("a delivery that comes again is answered with its first position, and stands in the log once", async () => {
    const body = distribution(pushed("team/again", "v1"));
    const first = await accepted(await server.post("/notifications/lab", body, bearer));
    const again = await accepted(await server.post("/notifications/lab", body, bearer));
    expect(again).toEqual(first);
    expect(await server.recorded(first[0] ?? 0)).toEqual([]);
    // The same id from another registry is another delivery.
    expect(await accepted(await server.post("/notifications/open", body))).not.toEqual(first);
  });

  it("a sender without headers proves itself by its address; a push that names no tag has the repository looked through", async () => {
    const hub = (push_data: object) => JSON.stringify({ push_data, repository: { repo_name: "acme/web" } });
    const path = `/notifications/lab?secret=${SECRETS.current}`;
    const [first = 0] = await accepted(await server.post(path, hub({ tag: "1" })));
    await accepted(await server.post(path, hub({})));
    expect((await server.recorded(first - 1)).map(({ type, subject }) => `${type} ${subject}`)).toEqual([
      "io.drayage.image.pushed.v1 lab/acme/web:1",
      "io.drayage.rescan.requested.v1 lab/acme/web",
    ]);
  });

  it("without a delivery id two equal bodies are two events", async () => {
    const [first = 0] = await accepted(await server.post("/notifications/art", webhook(), jfrog(SECRETS.current)));
    const [second = 0] = await accepted(await server.post("/notifications/art", webhook(), jfrog(SECRETS.current)));
    expect(second).toBeGreaterThan(first);
    const [event] = await server.recorded(first - 1);
    expect(event).toMatchObject({ subject: "art/docker-local/team/web:1.4", actor: "registry:art" });
    expect(JSON.stringify(event)).not.toContain("evil");
  });

  it("promotions and referrers become what they are", async () => {
    const promoted = webhook({ target_repo: "docker-prod", target_tag: "stable" }, "promoted");
    const [position = 0] = await accepted(await server.post("/notifications/art", promoted, jfrog(SECRETS.current)));
    const signature = `sha256-${"0".repeat(64)}.sig`;
    await accepted(await server.post("/notifications/open", distribution(pushed("team/web", signature))));
    expect(await server.recorded(position - 1)).toMatchObject([
      { type: "io.drayage.image.promoted.v1", data: { to: { repository: "docker-prod/team/web", tag: "stable" } } },
      { type: "io.drayage.referrer.pushed.v1", data: { subject: DIGEST } },
    ]);
  });

  it.each([
    ["a pull", "open", distribution({ action: "pull" }), {}, "pull"],
    [
      "a blob",
      "open",
      distribution({ action: "push", target: { mediaType: "application/octet-stream", repository: "a" } }),
      {},
      "push of a blob",
    ],
    ["no events", "open", distribution(), {}, "no events"],
    ["a test delivery", "art", webhook({ sha256: "sample_checksum" }), jfrog(SECRETS.current), "test delivery"],
    ["a name that is none", "open", distribution(pushed("../../etc", "v1")), {}, "unparseable"],
  ])("%s is answered with 200 and the reason", async (_name, to, body, headers, reason) => {
    const response = await server.post(`/notifications/${to}`, body, headers);
    expect([response.status, await response.json()]).toEqual([200, { accepted: 0, reason }]);
  });

  const signed = webhook();
  it.each([
    ["the secret", "lab", distribution(), bearer, 200],
    ["the secret that is rotated away", "lab", distribution(), { authorization: SECRETS.old }, 200],
    ["another secret", "lab", distribution(pushed("a", "b")), { authorization: "Bearer guess" }, 401],
    ["another secret in the address", "lab?secret=guess", distribution(pushed("a", "b")), {}, 401],
    ["the secret of an address where a signature is due", `signed?secret=${SECRETS.hmac}`, signed, {}, 401],
    ["no secret", "lab", distribution(pushed("a", "b")), {}, 401],
    ["the secret in another header", "art", webhook(), bearer, 401],
    ["a signature", "signed", signed, sign(signed), 202],
    ["a signature of another body", "signed", signed.replace("1.4", "1.5"), sign(signed), 401],
    ["a signature with another secret", "signed", signed, sign(signed, "guess"), 401],
    ["the secret where a signature is due", "signed", signed, jfrog(SECRETS.hmac), 401],
    ["a signature where the secret is due", "art", signed, sign(signed, SECRETS.current), 401],
  ])("%s for %s", async (_name, to, body, headers, status) => {
    const response = await server.post(`/notifications/${to}`, body, headers);
    expect(response.status).toBe(status);
    if (status === 401) {
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(JSON.stringify(await response.json())).not.toMatch(/s3cret/);
    }
  });

  it.each([
    ["not JSON", "open", "x", {}, 400],
    ["empty", "open", "", {}, 400],
    ["an array", "open", "[]", {}, 400],
    ["no events", "open", "{}", {}, 400],
    ["half an image", "art", webhook({ path: "x" }), jfrog(SECRETS.current), 400],
    ["not UTF-8", "open", new Uint8Array([0x7b, 0xff, 0x7d]), {}, 400],
    ["text", "open", "{}", { "content-type": "text/plain" }, 415],
    ["a form", "open", "{}", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["compressed", "open", "{}", { "content-encoding": "gzip" }, 415],
    ["too large for Artifactory", "art", webhook({ more: "x".repeat(256 * 1024) }), jfrog(SECRETS.current), 413],
    ["unknown registry", "nobody", "{}", {}, 404],
    ["a registry that no object should have", "__proto__", "{}", {}, 404],
    ["an open registry, from elsewhere", "open", distribution(), { "x-forwarded-for": "192.0.2.1" }, 403],
  ])("%s (%s) is refused as a problem document", async (_name, to, body, headers, status) => {
    const response = await server.post(`/notifications/${to}`, body, headers);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
    expect(response.status).toBe(status);
  });

  it("a body over eight MiB is too large for distribution, one below is not", async () => {
    const padded = (bytes: number) => distribution({ action: "pull", more: "x".repeat(bytes) });
    expect((await server.post("/notifications/open", padded(8 * 1024 * 1024))).status).toBe(413);
    expect((await server.post("/notifications/open", padded(7 * 1024 * 1024))).status).toBe(200);
  });

  it("other methods and paths are told what to do", async () => {
    const get = await fetch(`${server.url}/notifications/lab`);
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await server.post("/", "{}")).status).toBe(404);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it("a sender that stops in the middle of a body is answered and cut", async () => {
    const answer = await new Promise<string>((resolve) => {
      let got = "";
      const head =
        "POST /notifications/open HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
      const socket = connect(server.port, "127.0.0.1", () => socket.write(head));
      socket.on("data", (piece) => {
        got += piece.toString();
      });
      socket.on("close", () => resolve(got));
    });
    expect(answer).toContain("408");
  });

  it("what was refused is counted, and asks for a reconciliation once in ten minutes", () => {
    const text = prometheusText();
    expect(text).toMatch(/drayage_notifications_refused_total\{registry="lab",reason="bad-secret"\} 3/);
    expect(text).toMatch(/drayage_notifications_refused_total\{registry="",reason="unknown-registry"\} 2/);
    expect(text).toMatch(/drayage_notifications_received_total\{registry="open",outcome="unparseable"\} 1/);
    expect(server.lost.filter((line) => line.startsWith("lab:"))).toEqual(["lab: bad-secret"]);
    expect(new Set(server.lost.map((line) => line.split(":")[0]))).toEqual(new Set(["lab", "open", "art", "signed"]));
  });
});

it("is answered after the append, not before; while the log is away senders are told to come again", async () => {
  const durable = Promise.withResolvers<void>();
  const full = new LogUnavailable({ operation: "append", transient: true, detail: "the queue is full" });
  let available = true;
  const log = Layer.mock(EventLog, {
    submit: (events, _options, answer) => {
      if (!available) return answer(full);
      void durable.promise.then(() =>
        answer(events.map((_event, index) => ({ id: "", position: index + 1, duplicate: false }))),
      );
    },
    head: Effect.suspend(() => (available ? Effect.succeed(0) : Effect.fail(full))),
    read: () => Effect.succeed([]),
  });
  await using server = await started(Layer.merge(log, layerTestDatabase()));
  let answered = false;
  const response = server.post("/notifications/open", distribution(pushed("a", "b"))).finally(() => {
    answered = true;
  });
  // Another request goes all the way through meanwhile: the first is not merely slow.
  expect((await server.post("/notifications/open", distribution())).status).toBe(200);
  expect(answered).toBe(false);
  durable.resolve();
  expect([(await response).status, await (await response).json()]).toEqual([202, { accepted: 1, positions: [1] }]);

  available = false;
  const refused = await server.post("/notifications/open", distribution(pushed("a", "b")));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
  expect(server.lost).toEqual([]);
});

it("a database that goes away gives 503, and nothing that was answered with 202 before is lost", async () => {
  const { url, drop } = await createTestDatabase();
  const database = layerDatabase({
    database: { _tag: "Server", url },
    instance: "test",
    migrations: [eventLogMigrations],
  });
  await using server = await started(Layer.provideMerge(EventLog.layer, database));
  expect((await server.post("/notifications/open", distribution(pushed("a", "b")))).status).toBe(202);
  await drop();
  const response = await server.post("/notifications/open", distribution(pushed("a", "c")));
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(await response.json()).toMatchObject({ title: "Event log not available" });
}, 60_000);

it("no secret is in any line of the log", () => {
  expect(logged.length).toBeGreaterThan(10);
  expect(logged.join("")).not.toMatch(/s3cret/);
});
