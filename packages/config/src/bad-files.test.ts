import { describe, expect, it } from "vitest";
import { load, REGISTRIES } from "./workspace.test-support.ts";

/** Files that are wrong, with the exact lines that are said about them. `R` stands for four lines of sound registries. */
const R = REGISTRIES;
const ONE = "registries:\n  lab: { type: oci, url: http://127.0.0.1:5000";
const NOT_AVAILABLE = "is not available in this version of drayage";

const table: Readonly<Record<string, readonly [string, ReadonlyArray<string>]>> = {
  "an empty file": ["", ["drayage.yaml:1:1: expected a mapping, got nothing. Give it a value, or remove the key"]],
  "not a mapping": ["- a\n", ["drayage.yaml:1:1: expected a mapping, got a list. Correct the value"]],
  "not YAML": [
    "registries: [\n",
    [
      "drayage.yaml:2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]. Correct the line",
    ],
  ],
  "a key twice": [
    `${R}registries: {}\n`,
    ["drayage.yaml:5:1: not valid YAML: Map keys must be unique. Correct the line"],
  ],
  "no registries": ["routes: []\n", ["drayage.yaml:1:1: registries: this key is missing. Give it a mapping"]],
  "another version": [`version: 2\n${R}`, ["drayage.yaml:1:10: version: 2 is not 1. Use 1"]],
  "a bus that is none": [
    `bus: kafka\n${R}`,
    ['drayage.yaml:1:6: bus: expected "database" or a mapping, got "kafka". Use one of these forms'],
  ],
  "a bus without its project": [
    `bus: { pubsub: { topicPrefix: goog-x, endpoint: "https://x" } }\n${R}`,
    [
      "drayage.yaml:1:16: bus.pubsub.project: this key is missing. Give it a string",
      "drayage.yaml:1:31: bus.pubsub.topicPrefix: a letter, then letters, digits and hyphens, and not goog. Correct the value",
      "drayage.yaml:1:49: bus.pubsub.endpoint: a host, e.g. europe-west4-pubsub.googleapis.com. Correct the value",
    ],
  ],
  "an unknown key, with the one that was meant": [
    `instnace: x\n${R}`,
    ['drayage.yaml:1:1: instnace: unknown key "instnace". Did you mean "instance"?'],
  ],
  "an unknown key that resembles nothing": [
    `${ONE}, limits: { zzzzzz: 1 } }\n`,
    [
      'drayage.yaml:2:59: registries.lab.limits.zzzzzz: unknown key "zzzzzz". Known here: concurrency, requestsPerSecond, bandwidth',
    ],
  ],
  "unknown keys deep down": [
    `${R}routes:\n  - from: lab\n    to: [{ registry: prod, repositry: x }]\n    selct: {}\n`,
    [
      'drayage.yaml:7:28: routes[0].to[0].repositry: unknown key "repositry". Did you mean "repository"?',
      'drayage.yaml:8:5: routes[0].selct: unknown key "selct". Did you mean "select"?',
    ],
  ],
  "a registry type that nobody knows": [
    "registries:\n  lab: { type: ocii, url: http://x }\n",
    [
      'drayage.yaml:2:16: registries.lab.type: "ocii" is not one of "oci", "artifactory", "artifact-registry", "ecr". Did you mean "oci"?',
    ],
  ],
  "an address with a path": [
    "registries:\n  lab: { type: oci, url: https://acme.jfrog.io/artifactory }\n",
    [
      "drayage.yaml:2:26: registries.lab.url: not the address of a registry. Write only scheme, host and port, e.g. https://registry.example.com",
    ],
  ],
  "credentials with a mistake": [
    `${ONE}, auth: { username: u, pasword: p } }\n`,
    [
      "drayage.yaml:2:55: registries.lab.auth.password: this key is missing. Give it a string",
      'drayage.yaml:2:70: registries.lab.auth.pasword: unknown key "pasword". Did you mean "password"?',
    ],
  ],
  "a word for credentials that nobody knows": [
    `${ONE}, auth: anonymus }\n`,
    [
      'drayage.yaml:2:55: registries.lab.auth: expected "anonymous" or "docker-config" or a mapping or a list, got "anonymus". Did you mean "anonymous"?',
    ],
  ],
  "a name that is none": [
    "registries:\n  -lab: { type: oci, url: http://x }\n",
    [
      "drayage.yaml:2:3: registries.-lab: not a name. Use at most 63 letters, digits, dots, underscores and hyphens, beginning with a letter or digit",
    ],
  ],
  "wrong kinds of values": [
    `instance: 3\nhttp: { ingest: { port: 70000 }, admin: { port: x } }\nretention: { raw: 30 }\n${R}`,
    [
      "drayage.yaml:1:11: instance: expected a string, got a number. Put it in quotes",
      "drayage.yaml:2:25: http.ingest.port: more than 65535. Use at most 65535",
      "drayage.yaml:2:49: http.admin.port: not a port. Use a number from 0 to 65535",
      "drayage.yaml:3:19: retention.raw: expected a string, got a number. Put it in quotes",
    ],
  ],
  "a value left out": [
    `${R}routes:\n`,
    ["drayage.yaml:5:8: routes: expected a list, got nothing. Give it a value, or remove the key"],
  ],
  "durations and schedules": [
    `retention: { raw: "30" }\nreconcile: { changed: "every day", full: "* * *" }\n${R}`,
    [
      'drayage.yaml:1:19: retention.raw: not a duration. Write a number with a unit (ms, s, m, h, d), e.g. "10m"',
      'drayage.yaml:2:23: reconcile.changed: not a cron expression. Write five fields, e.g. "0 3 * * *", or "off"',
      'drayage.yaml:2:42: reconcile.full: not a cron expression. Write five fields, e.g. "0 3 * * *", or "off"',
    ],
  ],
  "the guard": [
    `guard: { perTarget: { fraction: 5, most: -1 } }\n${R}`,
    [
      "drayage.yaml:1:33: guard.perTarget.fraction: more than 1. Use at most 1",
      "drayage.yaml:1:42: guard.perTarget.most: less than 0. Use at least 0",
    ],
  ],
  "a token that is not hashed": [
    `admin: { tokens: [{ name: ci, role: admn, hash: secret }] }\n${R}`,
    [
      'drayage.yaml:1:37: admin.tokens[0].role: "admn" is not one of "viewer", "operator", "admin". Did you mean "admin"?',
      "drayage.yaml:1:49: admin.tokens[0].hash: not a hash. Write sha256: and the 64 hex digits of the token's sha-256",
    ],
  ],
  "a database that is none": [
    `database: mysql://x\n${R}`,
    ["drayage.yaml:1:11: database: not a database. Use `embedded`, or a URL postgres://…"],
  ],
  "deletes with a mistake in the mode": [
    `${R}routes:\n  - { from: lab, to: [{ registry: prod }], deletes: { mode: mirorr, confirmAfter: 5m } }\n`,
    ['drayage.yaml:6:61: routes[0].deletes.mode: "mirorr" is not one of "ignore", "mirror". Did you mean "mirror"?'],
  ],
  "a list for a word": [
    `${R}routes:\n  - { from: lab, to: [{ registry: prod }], select: { repositories: app, tags: [] }, overwrite: yess }\n`,
    [
      "drayage.yaml:6:68: routes[0].select.repositories: expected a list, got a string. Write it as a list: [ … ], or lines that begin with a hyphen",
      "drayage.yaml:6:79: routes[0].select.tags: the list is empty. Give it at least one entry",
      'drayage.yaml:6:96: routes[0].overwrite: expected true or false or a mapping, got "yess". Use one of these forms',
    ],
  ],
  "registries that nobody declared": [
    `${R}routes:\n  - from: labb\n    to: [{ registry: prod }, { registry: nowhere }]\n`,
    [
      'drayage.yaml:6:11: routes[0].from: there is no registry "labb". Did you mean "lab"?',
      'drayage.yaml:7:42: routes[0].to[1].registry: there is no registry "nowhere". Known here: lab, prod, jfrog',
    ],
  ],
  "patterns and templates": [
    `${R}routes:
  - from: lab
    select: { repositories: ["!"], tags: { regex: "(" } }
    to: [{ registry: prod, repository: "{imgae}" }, { registry: prod, repository: "{repositoryKey}/x" }]
  - { name: semver, from: lab, select: { tags: { semver: ">=x.y" } }, to: [{ registry: prod }] }
`,
    [
      "drayage.yaml:7:29: routes[0].select.repositories: an empty glob matches nothing. Correct the glob: `*` stays within a segment, `**` crosses them, `!` excludes",
      "drayage.yaml:7:42: routes[0].select.tags: not a regular expression: Invalid regular expression: /(/: Unterminated group. Correct the selection of tags",
      "drayage.yaml:8:40: routes[0].to[0].repository: unknown placeholder {imgae}. Use one of {repository}, {repositoryKey}, {image}, {team}, {basename}, {tag}",
      "drayage.yaml:8:83: routes[0].to[1].repository: lab has no repository keys, so {repositoryKey} means nothing. Use {repository} or {image}",
      'drayage.yaml:9:48: routes[1].select.tags: not a semver range: ">=x.y". Correct the selection of tags',
    ],
  ],
  "one route name twice, given and by default": [
    `${R}routes:
  - { from: lab, to: [{ registry: prod }] }
  - { name: lab-to-prod, from: jfrog, to: [{ registry: prod }] }
`,
    [
      'drayage.yaml:7:13: routes[1].name: route name "lab-to-prod" is already used at drayage.yaml:6:5. Give each route a name of its own',
    ],
  ],
  "two sources that become one name": [
    `${R}routes:
  - { name: a, from: lab, select: { repositories: [app] }, to: [{ registry: prod, repository: x }] }
  - { name: b, from: lab, select: { repositories: [web] }, to: [{ registry: prod, repository: x }] }
`,
    [
      "drayage.yaml:7:65: routes[1].to[0]: lab/app:1 and lab/web:1 would both become prod/x:1 (routes a and b). Keep them apart by a placeholder ({repository}, {image}, {tag}) or a prefix, or narrow `select`",
    ],
  ],
  "a route onto itself": [
    `${R}routes:\n  - { name: a, from: lab, to: [{ registry: lab }] }\n`,
    [
      "drayage.yaml:6:31: routes[0].to: lab/app:1 would be delivered to itself. Deliver elsewhere, or exclude what is delivered in `select.repositories`",
    ],
  ],
  "a route that never ends": [
    `${R}routes:\n  - { name: a, from: lab, to: [{ registry: lab, repository: "m/{repository}" }] }\n`,
    [
      "drayage.yaml:6:31: routes[0].to: every delivery would make a new name that is delivered again: lab/app:1, lab/m/app:1, lab/m/m/app:1, …. Deliver elsewhere, or exclude what is delivered in `select.repositories`",
    ],
  ],
  "admin for everybody without tokens": [
    `http: { admin: { host: 0.0.0.0 } }\n${R}`,
    [
      "drayage.yaml:1:24: http.admin.host: admin would be open to everybody: it has no tokens. Add `admin.tokens`, or listen on 127.0.0.1",
    ],
  ],
  "an included file that is missing": [
    `include: [teams.yaml]\n${R}`,
    ["teams.yaml: cannot be read (ENOENT). Create it, or name another with --config"],
  ],
  // What the design has and this version does not.
  "registry types": [
    "registries:\n  eu: { type: artifact-registry, location: Frankfurt, project: acme-prod, notifications: { subscription: s } }\n  us: { type: ecr, account: 123, region: frankfurt, createRepositorys: {} }\nroutes: [{ from: eu, to: [{ registry: us }] }]\n",
    [
      "drayage.yaml:2:44: registries.eu.location: a region or multi-region, e.g. europe-west4 or us. Correct the value",
      "drayage.yaml:2:106: registries.eu.notifications.subscription: a whole name, e.g. projects/acme-prod/subscriptions/drayage-gcr. Correct the value",
      "drayage.yaml:3:29: registries.us.account: expected a string, got a number. Put it in quotes",
      "drayage.yaml:3:42: registries.us.region: not an AWS region. Write a region, e.g. eu-central-1",
      'drayage.yaml:3:53: registries.us.createRepositorys: unknown key "createRepositorys". Did you mean "createRepositories"?',
    ],
  ],
  "keys of a registry": [
    `${ONE}\n`.replace(
      "registries:\n  lab: { type: oci, url: http://127.0.0.1:5000\n",
      `registries:
  lab:
    type: oci
    url: http://127.0.0.1:5000
    poll: { every: 60, requests: { most: 0, within: 1ms }, repositories: [reg.example.com/A] }
    limits: { bandwidth: 100Mbit/s }
`,
    ),
    [
      "drayage.yaml:5:20: registries.lab.poll.every: expected a string, got a number. Put it in quotes",
      "drayage.yaml:5:42: registries.lab.poll.requests.most: less than 1. Use at least 1",
      "drayage.yaml:5:53: registries.lab.poll.requests.within: less than a second. Correct the value",
      "drayage.yaml:5:75: registries.lab.poll.repositories[0]: not a repository name. Write the whole name without a host, e.g. `library/nginx`",
      'drayage.yaml:6:26: registries.lab.limits.bandwidth: not a rate. Write bytes a second, at least 64KiB/s, e.g. "100MiB/s" (B, kB, MB, GB, KiB, MiB, GiB)',
    ],
  ],
  "keys of a route": [
    `${R}routes:
  - from: lab
    select: { tags: { newest: 20 } }
    to: [{ registry: prod }]
    platforms: [linux]
    referrers: { artifactTypes: [], most: 50 }
    keepPrevious: 3
    deletes: { mode: tombstone, after: 14d }
    require: { signature: {} }
  - { name: b, from: lab, to: [{ registry: prod }], deletes: { mode: mirror, after: 14d } }
`,
    [
      `drayage.yaml:7:15: routes[0].select.tags: selecting the newest tags ${NOT_AVAILABLE}. Use globs, \`semver\` or \`regex\``,
      "drayage.yaml:9:17: routes[0].platforms[0]: not a platform. Write os/architecture, or os/architecture/variant, e.g. `linux/amd64` or `linux/arm/v7`",
      "drayage.yaml:10:33: routes[0].referrers.artifactTypes: the list is empty. Give it at least one entry",
      `drayage.yaml:11:5: routes[0].keepPrevious: keeping previous revisions ${NOT_AVAILABLE}. Remove the key: 0 is the default`,
      `drayage.yaml:12:5: routes[0].deletes: deletion by tombstone ${NOT_AVAILABLE}. Use \`ignore\`, or \`mode: mirror\``,
      "drayage.yaml:13:27: routes[0].require.signature: publicKey or keyless, one of them. Correct the value",
      `drayage.yaml:14:78: routes[1].deletes.after: \`after\` (deletion by tombstone) ${NOT_AVAILABLE}. Remove the key`,
    ],
  ],
  "nearer registries that could give no bytes": [
    `${R}  far: { type: oci, url: http://127.0.0.1:5002 }
routes:
  - { from: lab, to: [{ registry: prod, bytesFrom: [lab, prod, far, far] }] }
  - { name: b, from: lab, to: [{ registry: far }] }
  - { name: c, from: far, to: [{ registry: jfrog, bytesFrom: [prod] }] }
`,
    [
      "drayage.yaml:7:53: routes[0].to[0].bytesFrom[0]: lab is the source of this route. Put it last: it gives what no other one gave",
      "drayage.yaml:7:58: routes[0].to[0].bytesFrom[1]: prod is the target itself. Remove it: what the target holds is never sent to it",
      "drayage.yaml:7:69: routes[0].to[0].bytesFrom[3]: far is named twice. Remove one of them",
      "drayage.yaml:9:63: routes[2].to[0].bytesFrom[0]: no route goes from far to prod, so the names of its images there are not known. Add prod to `to` of a route from far, or remove it here",
    ],
  ],
  "nearer registries in the wrong form": [
    `${R}routes:
  - from: lab
    to:
      - { registry: prod, bytesFrom: [prd] }
      - { registry: prod, bytesFrom: [] }
      - { registry: prod, bytesFrom: jfrog }
      - { registry: prod, bytesfrom: [jfrog] }
`,
    [
      'drayage.yaml:8:39: routes[0].to[0].bytesFrom[0]: there is no registry "prd". Did you mean "prod"?',
      "drayage.yaml:9:38: routes[0].to[1].bytesFrom: the list is empty. Give it at least one entry",
      "drayage.yaml:10:38: routes[0].to[2].bytesFrom: expected a list, got a string. Write it as a list: [ … ], or lines that begin with a hyphen",
      'drayage.yaml:11:27: routes[0].to[3].bytesfrom: unknown key "bytesfrom". Did you mean "bytesFrom"?',
    ],
  ],
  "keys at the top": [
    `guard: { wholeRepository: allow }\nreconcile: { deep: "0 4 * * 0" }\nadmin: { oidc: {} }\n${R}`,
    [
      `drayage.yaml:1:10: guard.wholeRepository: \`wholeRepository\` other than \`approve\` ${NOT_AVAILABLE}. Remove the key: \`approve\` is the default`,
      `drayage.yaml:2:14: reconcile.deep: deep reconciliation by schedule ${NOT_AVAILABLE}. Remove the key`,
      `drayage.yaml:3:10: admin.oidc: OpenID Connect ${NOT_AVAILABLE}. Use \`tokens\``,
    ],
  ],
};

describe("what is said about bad files", () => {
  it.each(Object.entries(table))("%s", async (_name, [text, expected]) => {
    expect(await load(text)).toEqual(expected);
  });

  it("no file at all", async () => {
    expect(await load({})).toEqual(["drayage.yaml: cannot be read (ENOENT). Create it, or name another with --config"]);
  });

  it("a file that doubles itself with every line", async () => {
    const lines = ["a0: &a0 [x, x]", ...Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]`)];
    const result = await load(lines.join("\n"));
    expect(result).toEqual([
      "drayage.yaml:1:1: not valid YAML: Excessive alias count indicates a resource exhaustion attack. Write the values out",
    ]);
  });

  it("mistakes in included files are told with their own places, and two files must not share a route name", async () => {
    const route = "{ name: team, from: lab, to: [{ registry: prod }] }";
    const files = {
      "drayage.yaml": `include: ["routes.d/*.yaml"]\n${R}`,
      "routes.d/a.yaml": `routes: [${route}]\n`,
      "routes.d/b.yaml": `routes:\n  - ${route}\n  - { from: labb, to: [] }\nregistries: {}\n`,
      "routes.d/c.yaml": "include: [x]\n",
      "routes.d/ignored.txt": "}{",
    };
    expect(await load(files)).toEqual([
      'routes.d/b.yaml:2:13: routes[0].name: route name "team" is already used at routes.d/a.yaml:1:10. Give each route a name of its own',
      'routes.d/b.yaml:3:13: routes[1].from: there is no registry "labb". Did you mean "lab"?',
      "routes.d/b.yaml:3:23: routes[1].to: the list is empty. Give it at least one entry",
      'routes.d/b.yaml:4:1: registries: "registries" in an included file. Move it to the main file: included files hold routes only',
      "routes.d/c.yaml:1:1: routes: this key is missing. Give it a list",
      'routes.d/c.yaml:1:1: include: "include" in an included file. Move it to the main file: included files hold routes only',
    ]);
  });
});
