import { type ImageFixture, image, index } from "@drayage/oci-core/testing";

/** One repository of a set: its tags, and the image that each of them names. */
export interface SeededRepository {
  readonly name: string;
  readonly tags: ReadonlyMap<string, ImageFixture>;
}

/** Content from a seed: the same on every machine, and impossible to compress. */
export interface BenchSet {
  readonly name: string;
  readonly says: string;
  readonly make: () => ReadonlyArray<SeededRepository>;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const numbers = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, n) => n);
const padded = (n: number): string => String(n).padStart(4, "0");

const one = (name: string, tag: string, made: ImageFixture): SeededRepository => ({
  name,
  tags: new Map([[tag, made]]),
});

const small = (): ReadonlyArray<SeededRepository> =>
  numbers(50).map((n) =>
    one(
      `small-${padded(n)}`,
      "v1",
      image({
        seed: `small/${n}`,
        layers: numbers(6).map(() => MIB),
        layerSeeds: [...numbers(4).map((base) => `small/base/${base}`), `small/${n}/a`, `small/${n}/b`],
      }),
    ),
  );

const ARCHITECTURES = ["amd64", "arm64", "ppc64le", "s390x"] as const;

const multiarch = (): ReadonlyArray<SeededRepository> =>
  numbers(10).map((n) =>
    one(
      `multiarch-${padded(n)}`,
      "v1",
      index({
        children: ARCHITECTURES.map((architecture) =>
          image({
            seed: `multiarch/${n}/${architecture}`,
            layers: numbers(3).map(() => MIB),
            platform: { os: "linux", architecture },
          }),
        ),
      }),
    ),
  );

const bigOf = (name: string, layers: number, bytes: number) => (): ReadonlyArray<SeededRepository> => [
  one(name, "v1", image({ seed: name, layers: numbers(layers).map(() => bytes) })),
];

const manyTags = (): ReadonlyArray<SeededRepository> => {
  const images = numbers(200).map((n) =>
    image({ seed: `many-tags/${n}`, layers: [256 * KIB, 8 * KIB], layerSeeds: ["many-tags/base", `many-tags/${n}`] }),
  );
  const tags = new Map<string, ImageFixture>();
  for (const n of numbers(2000)) {
    const made = images[n % images.length];
    if (made !== undefined) tags.set(`t${padded(n)}`, made);
  }
  return [{ name: "many-tags", tags }];
};

const wide = (): ReadonlyArray<SeededRepository> =>
  numbers(200).map((n) => ({
    name: `wide-${padded(n)}`,
    tags: new Map(
      numbers(5).map((t) => [
        `v${t}`,
        image({
          seed: `wide/${n}/${t}`,
          layers: [...numbers(4).map(() => 256 * KIB), 8 * KIB],
          layerSeeds: [...numbers(4).map((base) => `wide/base/${base}`), `wide/${n}`],
        }),
      ]),
    ),
  }));

export const SETS: ReadonlyArray<BenchSet> = [
  {
    name: "small",
    says: "50 repositories of one image of 6 layers of 1 MiB, 4 base layers shared by all",
    make: small,
  },
  { name: "multiarch", says: "10 repositories of one index of 4 platforms, 3 layers of 1 MiB each", make: multiarch },
  { name: "big", says: "one image of 4 layers of 512 MiB", make: bigOf("big", 4, 512 * MIB) },
  {
    name: "many-tags",
    says: "one repository of 2,000 tags over 200 manifests: a base layer of 256 KiB, a layer of 8 KiB each",
    make: manyTags,
  },
  {
    name: "wide",
    says: "200 repositories of 5 tags: 4 base layers of 256 KiB shared by all, a layer of 8 KiB for each repository",
    make: wide,
  },
];
