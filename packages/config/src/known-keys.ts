import type { Path } from "./problem.ts";
import { documentJsonSchema } from "./wire.ts";

/** The part of a JSON Schema that we read. */
export interface SchemaNode {
  readonly type?: string | undefined;
  readonly description?: string | undefined;
  readonly default?: unknown;
  readonly enum?: ReadonlyArray<unknown> | undefined;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>> | undefined;
  readonly additionalProperties?: SchemaNode | boolean | undefined;
  readonly items?: SchemaNode | undefined;
  readonly anyOf?: ReadonlyArray<SchemaNode> | undefined;
  readonly oneOf?: ReadonlyArray<SchemaNode> | undefined;
  readonly required?: ReadonlyArray<string> | undefined;
}

let cached: SchemaNode | undefined;
/** The schema of drayage.yaml; made when it is first asked for, since a sound file never needs it. */
export const documentSchemaNode = (): SchemaNode => {
  cached ??= documentJsonSchema() as SchemaNode;
  return cached;
};

/** The node itself and, where there is a choice, each of its forms. */
export const formsOf = (node: SchemaNode): ReadonlyArray<SchemaNode> => [
  node,
  ...[...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(formsOf),
];

/** Keys that may stand at a path of drayage.yaml. */
export const knownKeys = (path: Path): ReadonlyArray<string> => {
  let nodes: ReadonlyArray<SchemaNode> = formsOf(documentSchemaNode());
  for (const part of path) {
    nodes = nodes.flatMap((node): ReadonlyArray<SchemaNode> => {
      if (typeof part === "number") return node.items === undefined ? [] : formsOf(node.items);
      const named = node.properties?.[part];
      if (named !== undefined) return formsOf(named);
      return typeof node.additionalProperties === "object" ? formsOf(node.additionalProperties) : [];
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
};
