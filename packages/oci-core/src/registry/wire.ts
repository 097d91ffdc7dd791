import * as z from "zod";
import type { Digest } from "../model/brand.ts";
import { isDigest } from "../model/digest.ts";

/** Documents of registries and token servers, read loosely: a field that is odd counts as absent, unknown fields are left alone. */

const text = z.string().optional().catch(undefined);

/** distribution-spec v1.1.1 "Error Codes". Artifactory writes `status` where others write `code`; old servers have a bare `message`. */
const errorsDocument = z.looseObject({
  // An entry that is odd must not hide the others.
  errors: z
    .array(z.looseObject({ code: text, message: text }).catch({}))
    .optional()
    .catch(undefined),
  message: text,
  details: text,
});

/** What an error body says, as far as it is one. */
export interface ErrorBody {
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly digests: ReadonlyArray<Digest>;
}

export const readErrorBody = (document: unknown, text: string): ErrorBody | undefined => {
  const wire = errorsDocument.safeParse(document);
  if (!wire.success) return undefined;
  const first = wire.data.errors?.find((error) => error.code !== undefined) ?? wire.data.errors?.[0];
  const message = first?.message ?? wire.data.message ?? wire.data.details;
  return { code: first?.code, message, digests: readDigests(text) };
};

/** `tags` is null or missing for an emptied repository. A document with neither `tags` nor `name` is no tag list. */
const tagsDocument = z
  .looseObject({ name: z.string().optional(), tags: z.array(z.unknown()).nullish() })
  .refine((document) => document.name !== undefined || document.tags !== undefined);

export const readTags = (document: unknown): ReadonlyArray<string> | undefined => {
  const wire = tagsDocument.safeParse(document);
  return wire.success ? (wire.data.tags ?? []).filter((name) => typeof name === "string") : undefined;
};

const catalogDocument = z.looseObject({ repositories: z.array(z.unknown()).nullable() });

export const readCatalog = (document: unknown): ReadonlyArray<string> | undefined => {
  const wire = catalogDocument.safeParse(document);
  return wire.success ? (wire.data.repositories ?? []).filter((name) => typeof name === "string") : undefined;
};

/** Distribution token specification: `token` or `access_token`, seconds of life. */
const tokenDocument = z.looseObject({
  token: text,
  access_token: text,
  expires_in: z.coerce.number().positive().optional().catch(undefined),
});

export const readToken = (document: unknown): { token: string; lifeSeconds: number | undefined } | undefined => {
  const wire = tokenDocument.safeParse(document);
  if (!wire.success) return undefined;
  const token = wire.data.token || wire.data.access_token;
  return token === undefined || token === "" ? undefined : { token, lifeSeconds: wire.data.expires_in };
};

/** `~/.docker/config.json`, the parts that hold credentials. */
export const dockerConfigDocument = z.looseObject({
  auths: z
    .record(
      z.string(),
      z.looseObject({ auth: text, username: text, password: text, identitytoken: text, registrytoken: text }),
    )
    .optional(),
  credsStore: text,
  credHelpers: z.record(z.string(), z.string()).optional(),
});

/** What `docker-credential-… get` prints. */
export const helperDocument = z.looseObject({ Username: z.string(), Secret: z.string() });

/** Digests of what a registry says is missing: one image has at most so many children or layers. */
const DIGESTS_MAX = 1000;
const DIGEST = /sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}/g;

/**
 * The digests that an error body names, wherever they stand: `detail` is a text (docker-registry), an object with a field of any name (zot,
 * Artifactory), and ECR writes them into the message.
 */
export const readDigests = (body: string): ReadonlyArray<Digest> =>
  [...new Set(body.match(DIGEST) ?? [])].slice(0, DIGESTS_MAX).filter(isDigest);

/** JSON of bytes; `undefined` where they are none. */
export const parseJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
};
