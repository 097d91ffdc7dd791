import type { SourceNotification } from "@drayage/domain";
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core";
import type { World } from "../core/world.ts";
import { IMAGES_OF_ALL, repositoryOf, type Signed, tagOf } from "../registry/images.ts";
import type { Store } from "../registry/store.ts";
import { KEPT_TAG, POISONED_TAG, REPOSITORIES, type Scenario, STRANGE_TAGS, TAGS } from "../scenario.ts";

export interface PeopleOptions {
  readonly world: World;
  readonly scenario: Scenario;
  readonly stores: ReadonlyMap<string, Store>;
  /** What a registry tells of by a notification of its own making, beside those of single tags. */
  readonly tell: (registry: string, notification: SourceNotification) => void;
}

const AGAIN_WITHIN_MS = 20_000;

/** Who changes sources; a change under this name is told tag by tag. */
export const SOMEBODY = "somebody";
/** Told as a whole, and not tag by tag. */
export const SOMEBODY_QUIET = "somebody, told as a whole";
/** At targets, and told to nobody. */
export const STRANGER = "somebody else";

/** People who push, overwrite, delete, promote and sign, and who know nothing of us. */
export class People {
  readonly #options: PeopleOptions;
  readonly #images: ReadonlyArray<Signed>;

  constructor(options: PeopleOptions) {
    this.#options = options;
    const first = options.world.chance.between(0, IMAGES_OF_ALL.length - 1);
    this.#images = [...IMAGES_OF_ALL.slice(first), ...IMAGES_OF_ALL.slice(0, first)];
    this.#before();
  }

  /** Something happens somewhere. */
  change(): void {
    const { world, scenario, stores } = this.#options;
    const { chance } = world;
    const store = stores.get(chance.any(scenario.sources) ?? "");
    const repository = repositoryOf(chance.pick(REPOSITORIES));
    const tag = tagOf(chance.pick([...TAGS, ...TAGS, ...STRANGE_TAGS]));
    if (store === undefined) return;
    // Pipelines push again within seconds, while the first push is still on its way.
    for (let n = 0; chance.happens(0.5) && n < 3; n += 1)
      world.after(chance.between(10, AGAIN_WITHIN_MS), () => this.#push(store, repository, tag));
    const what = chance.next();
    if (what < 0.55) {
      this.#push(store, repository, tag);
      return;
    }
    if (what < 0.7) {
      this.#delete(store, repository, tag);
      return;
    }
    if (what < 0.76) {
      this.#deleteDigest(store, repository, tag);
      return;
    }
    if (what < 0.88) {
      this.#promote(store, repository, tag);
      return;
    }
    this.#sign(store, repository, tag);
  }

  /** What is there when the installation begins: a tag that stays in each repository, and what others put at targets. */
  #before(): void {
    const { world, scenario, stores } = this.#options;
    const { chance } = world;
    for (const name of scenario.sources)
      for (const [n, repository] of REPOSITORIES.entries()) {
        const image = this.#images[n];
        if (image !== undefined) stores.get(name)?.push(repositoryOf(repository), tagOf(KEPT_TAG), image, SOMEBODY);
      }
    if (scenario.profile === "two-way") return;
    if (scenario.profile === "isolation") this.#poison();
    for (const [name, store] of stores)
      for (const tag of STRANGE_TAGS)
        if (!scenario.sources.includes(name) && chance.happens(0.3))
          store.push(repositoryOf(chance.pick(REPOSITORIES)), tagOf(tag), this.#image(), STRANGER);
  }
  /** An image of which the source has lost a layer. */
  #poison(): void {
    const image = this.#images[7];
    const store = this.#options.stores.get(this.#options.scenario.sources[0] ?? "");
    const repository = repositoryOf(REPOSITORIES[0]);
    const manifest = image?.manifests.find(({ _tag }) => _tag === "Image");
    if (image === undefined || manifest?._tag !== "Image") return;
    store?.push(repository, tagOf(POISONED_TAG), image, SOMEBODY);
    store?.repository(repository).blobs.delete(manifest.config.digest);
  }

  #image(): Signed {
    const [first] = this.#images;
    const { scenario, world } = this.#options;
    // The poisoned one and what it shares its layers with would poison others.
    const candidates = scenario.profile === "isolation" ? this.#images.slice(0, 6) : this.#images;
    const image = world.chance.any(candidates) ?? first;
    if (image === undefined) throw new Error("there are no images");
    return image;
  }
  #push(store: Store, repository: RepositoryName, tag: Tag): void {
    const image = this.#image();
    // Signed by the pipeline before it is tagged, as it should be.
    if (this.#options.world.chance.happens(0.3)) store.push(repository, undefined, image.signature, SOMEBODY);
    store.push(repository, tag, image, SOMEBODY);
  }
  #delete(store: Store, repository: RepositoryName, tag: Tag): void {
    if (store.tag(repository, tag) !== undefined) store.setTag(repository, tag, undefined, SOMEBODY);
  }
  /** All tags of a digest at once; the notification names none of them. */
  #deleteDigest(store: Store, repository: RepositoryName, tag: Tag): void {
    const digest: Digest | undefined = store.tag(repository, tag);
    if (digest === undefined || store.tag(repository, tagOf(KEPT_TAG)) === digest) return;
    store.deleteDigest(repository, digest, SOMEBODY_QUIET);
    this.#options.tell(store.name, { _tag: "Deleted", repository, digest });
  }
  /** A tag is put beside another, in this repository or the next. */
  #promote(store: Store, repository: RepositoryName, tag: Tag): void {
    const { chance } = this.#options.world;
    const digest = store.tag(repository, tag);
    const image = this.#images.find((each) => each.digest === digest);
    if (image === undefined) return;
    const to = { repository: repositoryOf(chance.pick(REPOSITORIES)), tag: tagOf(chance.pick(TAGS)) };
    store.push(to.repository, to.tag, image, SOMEBODY_QUIET);
    this.#options.tell(store.name, { _tag: "Promoted", from: { repository, tag }, to });
  }
  #sign(store: Store, repository: RepositoryName, tag: Tag): void {
    const digest = store.tag(repository, tag);
    const image = this.#images.find((each) => each.digest === digest);
    if (image === undefined) return;
    store.push(repository, tagOf(image.cosign.tag), image.cosign.image, SOMEBODY);
  }
}
