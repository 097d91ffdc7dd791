import { isManifestType } from "@drayage/oci-core/model";
import { deliveredOf } from "./delivered.ts";
import { kindOf, placeOf, tagUnlessDigest } from "./names.ts";
import { type Meaning, type Received, type Sender, strictly } from "./sender.ts";
import { readZotData, readZotEnvelope, type ZotAttributes } from "./wire.ts";

const TYPES = "zotregistry.";

/**
 * zot, extension `events`: CloudEvents, from its HTTP sink in binary mode (attributes in `ce-` headers); the structured mode of its NATS sink
 * is read too, for a bridge from NATS to HTTP. `reference` is the tag or the digest of the request that caused it. zot tries once and
 * only logs an answer, so what cannot be read is refused. Source: facts/event-sources.md, section 4; CloudEvents HTTP binding 3.1, 3.2.
 */
export const zot: Sender = {
  name: "zot",
  recognises: (received) => eventOf(received)?.attributes.type?.startsWith(TYPES) === true,
  parse: (received) => {
    const event = eventOf(received);
    return strictly(event === undefined ? [] : [meaningOf(event)]);
  },
};

interface ZotEvent {
  readonly attributes: ZotAttributes;
  readonly data: unknown;
  /** Where `data` stands in the body. */
  readonly at: string;
}

const eventOf = ({ headers, document }: Received): ZotEvent | undefined => {
  const type = headers["ce-type"];
  if (type !== undefined) {
    return { attributes: { type, id: headers["ce-id"], time: headers["ce-time"] }, data: document, at: "" };
  }
  const envelope = readZotEnvelope(document);
  return envelope === undefined ? undefined : { attributes: envelope, data: envelope.data, at: "data." };
};

const meaningOf = ({ attributes, data, at }: ZotEvent): Meaning => {
  const kind = attributes.type?.slice(TYPES.length) ?? "";
  if (kind !== "image.updated" && kind !== "image.deleted") return { ignored: kindOf(kind) };
  const image = readZotData(data);
  if (image === undefined) return { warning: `${at}name: is missing, the data is no object` };
  const { name, reference, digest, mediaType = "", actor } = image;
  const place = placeOf({
    repository: { at: `${at}name`, text: name },
    tag: { at: `${at}reference`, text: tagUnlessDigest(reference) },
    digest,
  });
  if ("warning" in place) return place;
  const delivery = deliveredOf({ id: attributes.id, time: attributes.time, actor: actor?.name });
  return kind === "image.deleted"
    ? { notification: { _tag: "Deleted", ...place, delivery } }
    : {
        notification: {
          _tag: "Pushed",
          ...place,
          mediaType: isManifestType(mediaType) ? mediaType : undefined,
          delivery,
        },
      };
};
