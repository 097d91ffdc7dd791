/** Templates of target names: `images/{image}`. Source: DESIGN.md section 4.1, placeholders. */

/** What a placeholder stands for, for the source `docker-prod-local/team-a/web/api:1.4` on a registry with repository keys. */
export const PLACEHOLDERS = {
  repository: "`docker-prod-local/team-a/web/api`: the whole name",
  repositoryKey: "`docker-prod-local`: the first segment (only registries with repository keys)",
  image: "`team-a/web/api`: the rest; the whole name where there are no repository keys",
  team: "`team-a`: the first segment of `{image}`",
  basename: "`api`: the last segment",
  tag: "`1.4`",
} as const;

export type Placeholder = keyof typeof PLACEHOLDERS;
export type TemplatePart = string | { readonly placeholder: Placeholder };

export interface Template {
  readonly _tag: "Template";
  readonly text: string;
  readonly parts: ReadonlyArray<TemplatePart>;
  readonly placeholders: ReadonlySet<Placeholder>;
}
export interface TemplateProblem {
  readonly _tag: "TemplateProblem";
  readonly what: string;
  readonly mend: string;
}

const isPlaceholder = (text: string): text is Placeholder => Object.hasOwn(PLACEHOLDERS, text);
const known = Object.keys(PLACEHOLDERS)
  .map((word) => `{${word}}`)
  .join(", ");

/** Reads a template; what is wrong with it comes back as a value. */
export const parseTemplate = (text: string): Template | TemplateProblem => {
  const parts: Array<TemplatePart> = [];
  const placeholders = new Set<Placeholder>();
  for (const piece of text.split(/(\{[^{}]*\})/)) {
    if (piece === "") continue;
    const word = /^\{([^{}]*)\}$/.exec(piece)?.[1];
    if (word === undefined) {
      if (/[{}]/.test(piece)) return problem(`a brace without its pair in "${text}"`, "close it or take it out");
      parts.push(piece);
    } else if (isPlaceholder(word)) {
      placeholders.add(word);
      parts.push({ placeholder: word });
    } else return problem(`unknown placeholder {${word}}`, `use one of ${known}`);
  }
  if (parts.length === 0) return problem("an empty template", "give a name or a placeholder");
  return { _tag: "Template", text, parts, placeholders };
};
const problem = (what: string, mend: string): TemplateProblem => ({ _tag: "TemplateProblem", what, mend });

/** What the placeholders stand for in one source name, or why there is nothing to put there. */
export const valuesOf = (
  source: { readonly repository: string; readonly tag: string },
  repositoryKey: boolean,
): Readonly<Record<Placeholder, string>> => {
  const slash = source.repository.indexOf("/");
  const key = !repositoryKey ? "" : slash < 0 ? source.repository : source.repository.slice(0, slash);
  const image = !repositoryKey ? source.repository : slash < 0 ? "" : source.repository.slice(slash + 1);
  return {
    repository: source.repository,
    repositoryKey: key,
    image,
    team: image.split("/", 1)[0] ?? "",
    basename: image.slice(image.lastIndexOf("/") + 1),
    tag: source.tag,
  };
};

/** The text with its placeholders filled, or the placeholder that has no value in this source name. */
export const fillTemplate = (
  template: Template,
  values: Readonly<Record<Placeholder, string>>,
): { readonly text: string } | { readonly empty: Placeholder } => {
  let text = "";
  for (const part of template.parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const value = values[part.placeholder];
    if (value === "") return { empty: part.placeholder };
    text += value;
  }
  return { text };
};
