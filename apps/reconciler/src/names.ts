import { type CompiledRoutes, mapTag, type SourceTag } from "@drayage/domain";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core/model";

/** What our books say of a name at a target. */
export interface Booked {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly source: SourceTag;
  readonly route: string;
  /** What we put or adopted there, or were about to. */
  readonly owned: ReadonlyArray<Digest>;
  /** A request that no worker has answered yet: whatever differs is on its way. */
  readonly pending: boolean;
  readonly parked: boolean;
}

/** A name at a target that has to be compared with a tag of the source. */
export interface Name {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly route: string;
  readonly sourceTag: Tag;
  /** We own it, and the source does not list its tag any more. */
  readonly gone: boolean;
}

type Place = Pick<Name, "target" | "repository">;
export const placeOf = ({ target, repository }: Place): string => `${target}/${repository}`;
export const keyOf = (name: Place & { readonly tag: string }): string => `${placeOf(name)}:${name.tag}`;

export const byKey = (books: ReadonlyArray<Booked>): ReadonlyMap<string, Booked> =>
  new Map(books.map((booked) => [keyOf(booked), booked]));

/** Which names a source repository has at the targets: what its tags map to, and what we own there of tags that it does not list any more. */
export const namesOf = (given: {
  readonly routes: CompiledRoutes;
  /** Only names of this route. The other routes still take theirs before it. */
  readonly route?: string | undefined;
  readonly source: { readonly registry: string; readonly repository: RepositoryName };
  readonly tags: ReadonlySet<Tag>;
  readonly books: ReadonlyMap<string, Booked>;
}): ReadonlyArray<Name> => {
  const { routes, route, source, tags, books } = given;
  const mapped = (tag: Tag) =>
    mapTag(routes, { ...source, tag }).filter((name) => route === undefined || name.route === route);
  const wanted = [...tags].flatMap((tag) =>
    mapped(tag)
      // Another tag that is there had the name first: the dispatcher has parked this one as its rival.
      .filter((name) => {
        const owner = books.get(keyOf(name))?.source.tag;
        return owner === undefined || owner === tag || !tags.has(owner);
      })
      .map((name): Name => ({ ...name, sourceTag: tag, gone: false })),
  );
  const taken = new Set(wanted.map(keyOf));
  const gone = [...books.values()]
    .filter((booked) => booked.owned.length > 0 && !tags.has(booked.source.tag) && !taken.has(keyOf(booked)))
    // What no route asks for any more is no deletion at the source: a person who narrows a filter means no such thing (FAILURES F20).
    .flatMap((booked) =>
      mapped(booked.source.tag)
        .filter((name) => keyOf(name) === keyOf(booked))
        .map((name): Name => ({ ...name, sourceTag: booked.source.tag, gone: true })),
    );
  return [...wanted, ...gone];
};
