import { readFileSync, writeFileSync } from "node:fs";

const OS = {
  windows: "win32",
  win32: "win32",
  linux: "linux",
  darwin: "darwin",
  android: "android",
  freebsd: "freebsd",
  openbsd: "openbsd",
  netbsd: "netbsd",
  sunos: "sunos",
  aix: "aix",
};
const CPU = {
  x64: "x64",
  64: "x64",
  arm64: "arm64",
  arm: "arm",
  ia32: "ia32",
  ppc64: "ppc64",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
  mips64el: "mips64el",
  wasm32: "wasm32",
};
const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const added = [];
for (const [path, pkg] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(pkg.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] || lock.packages[`${path}/node_modules/${name}`]) continue;
    if (!/^\d+\.\d+\.\d+/.test(version)) throw new Error(`${path}: ${name}@${version} is not an exact version`);
    const parts = name.split("/").pop().split("-");
    const os = parts.map((p) => OS[p]).find(Boolean);
    const cpu = parts.map((p) => CPU[p]).find(Boolean);
    if (!os && !cpu) throw new Error(`cannot tell the platform of ${name}`);
    const entry = {
      version,
      cpu: cpu && [cpu],
      dev: pkg.dev,
      libc: parts.includes("musl") ? ["musl"] : undefined,
      optional: true,
      os: os && [os],
    };
    lock.packages[`node_modules/${name}`] = JSON.parse(JSON.stringify(entry));
    added.push(`${name}@${version}`);
  }
}
const packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync("package-lock.json", `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
process.stdout.write(`${added.length} entries added ${added.join(" ")}\n`);
