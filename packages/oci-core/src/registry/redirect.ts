import { foreignRefusal } from "./addresses.ts";
import { failure, type Place } from "./failure.ts";
import type { HttpAnswer } from "./http.ts";

/** Registries use one or two; ten is what every client allows. */
const HOPS_MAX = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export const isRedirect = ({ status }: HttpAnswer): boolean => REDIRECTS.has(status);

/** Where redirects of GET and HEAD may lead. Every other request treats a redirect as a failure. */
export type Following = "anywhere" | "same-origin" | "nowhere";

/**
 * Follows by hand, so that nothing is sent that should not be: `send` is told whether a hop is still the registry itself, and only
 * then adds credentials. From https never to http, never to an inner address (see `foreignRefusal`).
 */
export const followRedirects = async (
  start: HttpAnswer,
  options: {
    readonly following: Following;
    readonly registry: URL;
    readonly place: Place;
    readonly send: (url: URL, own: boolean) => Promise<HttpAnswer>;
  },
): Promise<HttpAnswer> => {
  const { following, registry, place, send } = options;
  let answer = start;
  for (let hop = 0; following !== "nowhere" && REDIRECTS.has(answer.status); hop++) {
    const { status } = answer;
    const refuse = (detail: string): Error => failure(place, "unsafe-location", detail, { status });
    const written = answer.header("location");
    const target = written === undefined ? null : URL.parse(written, answer.url.href);
    answer.release();
    if (target === null) throw failure(place, "invalid-response", "a redirect without a usable Location", { status });
    if (hop === HOPS_MAX) throw refuse(`more than ${HOPS_MAX} redirects`);
    const own = target.origin === registry.origin;
    if (!own && following === "same-origin")
      throw refuse(`a redirect to ${target.origin}, where no list may come from`);
    const downgrade = answer.url.protocol === "https:" && target.protocol === "http:";
    const refusal = downgrade ? "it leads from https to http" : foreignRefusal(target, registry);
    if (refusal !== undefined) throw refuse(`a redirect to ${target.protocol}//${target.host} is refused: ${refusal}`);
    answer = await send(target, own);
  }
  return answer;
};
