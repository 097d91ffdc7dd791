import { PLACEHOLDERS } from "@drayage/domain";
import { documentSchemaNode, formsOf, type SchemaNode } from "./known-keys.ts";
import { UNAVAILABLE } from "./unavailable.ts";
import { documentJsonSchema } from "./wire.ts";

/** JSON Schema (draft 2020-12) of drayage.yaml, for editors: `dray config schema`. */
export const jsonSchema = (): unknown => documentJsonSchema();

interface Row {
  readonly path: string;
  /** One for each form of the value around it that has this key. */
  readonly nodes: ReadonlyArray<SchemaNode>;
  readonly required: boolean;
}

/** Every key below some forms of one value, in the order of the schema. */
function* rowsOf(nodes: ReadonlyArray<SchemaNode>, path: string): Generator<Row> {
  const forms = nodes.flatMap(formsOf);
  for (const key of new Set(forms.flatMap((form) => Object.keys(form.properties ?? {})))) {
    const holders = forms.filter((form) => form.properties?.[key] !== undefined);
    const children = holders.flatMap((form) => form.properties?.[key] ?? []);
    const at = path === "" ? key : `${path}.${key}`;
    yield { path: at, nodes: children, required: holders.every((form) => form.required?.includes(key) ?? false) };
    yield* rowsOf(children, at);
  }
  const named = forms.flatMap(({ additionalProperties: rest }) => (typeof rest === "object" ? [rest] : []));
  if (named.length > 0) yield* rowsOf(named, `${path}.<name>`);
  const items = forms.flatMap((form) => form.items ?? []);
  if (items.length > 0) yield* rowsOf(items, `${path}[]`);
}

const typeOf = (node: SchemaNode): string => {
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeOf))].join(" or ");
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((word) => `\`${String(word)}\``).join(" or ");
  if (node.type === "array") return `list of ${node.items === undefined ? "anything" : typeOf(node.items)}`;
  return node.type === "object" ? "mapping" : (node.type ?? "anything");
};

const typesOf = ({ nodes }: Row): string => [...new Set(nodes.map(typeOf))].join(" or ");

/** Where a word chooses the form, each word has a meaning of its own. */
const meaningOf = ({ nodes }: Row): string => {
  const meanings = nodes.map((node) =>
    nodes.length > 1 && node.const !== undefined ? `${typeOf(node)}: ${node.description}` : (node.description ?? ""),
  );
  return [...new Set(meanings)].join(" ");
};

/** Mappings whose parts have defaults of their own have none to tell. */
const defaultOf = ({ nodes, required }: Row): string => {
  if (required) return "required";
  const node = nodes.find((form) => form.default !== undefined);
  if (node === undefined || (node.type === "object" && node.properties !== undefined)) return "";
  return `\`${JSON.stringify(node.default)}\``;
};

const cell = (text: string): string => text.replaceAll("|", "\\|");
const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n");

/** docs/reference/configuration.md. A test holds the committed file against this. */
export const referenceMarkdown = (): string => {
  const keys = [...rowsOf([documentSchemaNode()], "")];
  return `# drayage.yaml

<!-- Made by referenceMarkdown() of packages/config; do not edit. To write it again: UPDATE_DOCS=1 npx vitest run src/reference.test.ts, in packages/config. -->

Found through \`--config\`, then \`DRAYAGE_CONFIG\`, then \`./drayage.yaml\`. \`dray config check\` says everything that is wrong at once, each with
its line; \`dray config schema\` prints a JSON Schema for editors. The shortest useful file:

\`\`\`yaml
registries:
  lab: { type: oci, url: http://127.0.0.1:5000 }
  prod: { type: oci, url: http://127.0.0.1:5001 }
routes:
  - name: everything
    from: lab
    to: [{ registry: prod }]
\`\`\`

## Keys

\`<name>\` is a name you choose, \`[]\` an entry of a list. Unknown keys are errors.

${table(
  ["key", "type", "default", "meaning"],
  keys.map((row) => [`\`${row.path}\``, typesOf(row), defaultOf(row), meaningOf(row)]),
)}

## Values

- Durations have units: \`ms\`, \`s\`, \`m\`, \`h\`, \`d\`; e.g. \`30s\`, \`10m\`, \`1h30m\`, \`14d\`, \`0s\`.
- In every string, \`\${env:NAME}\` is the environment variable and \`\${file:PATH}\` the content of the file (relative to the file it is written in,
  without the newline at its end); \`$\${\` is \`\${\` itself. What is missing or empty is an error that names the key. \`dray config check --no-secrets\` tolerates it.
- Paths are relative to the file they are written in.
- The revision of a configuration is a hash over everything but secrets, \`dataDir\` and \`http\`.

## Placeholders

For the source \`docker-prod-local/team-a/web/api:1.4\`. Names of \`artifactory\` begin with a repository key, names of \`oci\` do not.

${table(
  ["placeholder", "is"],
  Object.entries(PLACEHOLDERS).map(([word, meaning]) => [`\`{${word}}\``, meaning]),
)}

A name that has no valid form at the target is not delivered, and reported. Two sources that would become one name at a target are an error where the
patterns prove it, and a warning where only folders dropped by \`{basename}\` tell them apart; at run time the first has the name, and the second is parked
as a conflict.

## Not available in this version

Keys of later versions are errors that say so; nothing is ignored in silence.

${table(
  ["key", "not available", "instead"],
  UNAVAILABLE.map(({ path, what, mend }) => [
    `\`${path.join(".").replaceAll(".*", (_, at: number, whole: string) => (/(?:registries)$/.test(whole.slice(0, at)) ? ".<name>" : "[]"))}\``,
    what,
    mend,
  ]),
)}
`;
};
