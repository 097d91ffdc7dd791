const { execFileSync } = require("node:child_process");
const { VersionActions } = require("nx/release");

const FIELDS = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];
const read = (tree, path) => JSON.parse(tree.read(path, "utf-8"));
const write = (tree, path, json) => tree.write(path, `${JSON.stringify(json, null, 2)}\n`);
const nameOf = (graph, project) => graph.nodes[project]?.data.metadata?.js?.packageName;

class NpmVersionActions extends VersionActions {
  validManifestFilenames = ["package.json"];
  excludeManifestsFromFormatting = true;
  get manifest() {
    return `${this.projectGraphNode.data.root}/package.json`;
  }
  async readCurrentVersionFromSourceManifest(tree) {
    return { manifestPath: this.manifest, currentVersion: read(tree, this.manifest).version };
  }
  async readCurrentVersionFromRegistry() {
    return null; // git tags decide, package.json is the fallback
  }
  async readCurrentVersionOfDependency(tree, graph, project) {
    const json = read(tree, this.manifest);
    const field = FIELDS.find((f) => json[f]?.[nameOf(graph, project)]);
    return { currentVersion: field ? json[field][nameOf(graph, project)] : null, dependencyCollection: field ?? null };
  }
  async updateProjectVersion(tree, version) {
    for (const { manifestPath } of this.manifestsToUpdate)
      write(tree, manifestPath, { ...read(tree, manifestPath), version });
    return [`version ${version} -> ${this.manifest}`];
  }
  async updateProjectDependencies(tree, graph, updates) {
    const log = [];
    for (const { manifestPath } of this.manifestsToUpdate) {
      const json = read(tree, manifestPath);
      for (const [project, version] of Object.entries(updates)) {
        for (const field of FIELDS.filter((f) => json[f]?.[nameOf(graph, project)])) {
          json[field][nameOf(graph, project)] = version;
          log.push(`${field}.${nameOf(graph, project)}@${version} -> ${manifestPath}`);
        }
      }
      write(tree, manifestPath, json);
    }
    return log;
  }
}
module.exports = NpmVersionActions;
module.exports.afterAllProjectsVersioned = async (cwd, { dryRun }) => {
  if (!dryRun) execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts"], { cwd, stdio: "inherit" });
  return { changedFiles: dryRun ? [] : ["package-lock.json"], deletedFiles: [] };
};
