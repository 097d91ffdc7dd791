import * as z from "zod";

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
}

export const readErrorBody = (document: unknown): ErrorBody | undefined => {
  const wire = errorsDocument.safeParse(document);
  if (!wire.success) return undefined;
  const first = wire.data.errors?.find((error) => error.code !== undefined) ?? wire.data.errors?.[0];
  return { code: first?.code, message: first?.message ?? wire.data.message ?? wire.data.details };
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

/** JSON of bytes; `undefined` where they are none. */
export const parseJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
};
