/** What the checkers have seen, and questions about it. Nothing here is taken from the product's own decisions. */
import type { Digest, RepositoryName, Tag } from "@drayage/oci-core";

export interface NameAt {
  readonly target: string;
  readonly repository: RepositoryName;
  readonly tag: Tag;
}
export const keyOf = ({ target, repository, tag }: NameAt): string => `${target}/${repository}:${tag}`;

/** An answer of a registry to a GET by tag. */
interface Answer {
  readonly process: string;
  readonly place: string;
  readonly tag: Tag;
  readonly known: boolean;
  readonly at: number;
}

/** A proof is made of answers that belong together: the witness is read within this time of the question, ms. Requests may take two minutes each. */
const PROOF_MS = 8 * 60_000;

export class Seen {
  readonly #answers: Array<Answer> = [];
  readonly #put = new Set<string>();
  readonly #deletions: Array<NameAt & { readonly at: number }> = [];

  answer(answer: Answer): void {
    this.#answers.push(answer);
  }
  put(name: NameAt, digest: Digest): void {
    this.#put.add(`${keyOf(name)} ${digest}`);
  }
  /** Whether the installation ever put this digest there. */
  isOurs(name: NameAt, digest: Digest): boolean {
    return this.#put.has(`${keyOf(name)} ${digest}`);
  }
  deletion(name: NameAt, at: number): void {
    this.#deletions.push({ ...name, at });
  }
  deletionsSince(target: string, repository: string | undefined, since: number): number {
    return this.#deletions.filter(
      (each) =>
        each.target === target && each.at > since && (repository === undefined || each.repository === repository),
    ).length;
  }

  /**
   * Whether absence was proven as DESIGN.md section 6 wants it: by the process that deletes, now, and by any process `confirmAfter` earlier; both
   * times the registry said in words that it does not know the tag, and the same process could read another tag of the repository afterwards.
   */
  isProvenAbsent(process: string, place: string, tag: Tag, confirmAfterMs: number, now: number): boolean {
    const proofs = this.#answers
      .filter((answer) => answer.place === place && answer.tag === tag && !answer.known)
      .filter((answer) => this.#hasWitness(answer));
    const last = proofs.findLast((proof) => proof.process === process && proof.at >= now - PROOF_MS);
    return last !== undefined && proofs.some((proof) => proof.at <= last.at - confirmAfterMs);
  }
  #hasWitness(answer: Answer): boolean {
    return this.#answers.some(
      ({ process, place, tag, known, at }) =>
        known &&
        process === answer.process &&
        place === answer.place &&
        tag !== answer.tag &&
        at >= answer.at &&
        at <= answer.at + PROOF_MS,
    );
  }
}
