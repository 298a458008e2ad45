package com.acme.loader;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** Compressed templates in memory, read through inflaters that a pool is meant to recycle. */
public final class NestedArchive {
    /**
     * Native bytes behind one Inflater that has inflated something, with zlib 1.2.11 to 1.2.13 on a
     * 64-bit machine: the z_stream that Java_java_util_zip_Inflater_init callocs (112), the
     * inflate_state of inflateInit2_ (7,160) and the window of updatewindow (32,768). Counted with
     * a malloc that prints the sizes it is asked for.
     */
    public static final long NATIVE_BYTES_EACH = 112 + 7_160 + 32_768;

    private static final byte[] NOTHING = new byte[0];

    private final List<byte[]> entries = new ArrayList<>();
    private final Queue<Inflater> recycled = new ConcurrentLinkedQueue<>();
    private final AtomicLong kept = new AtomicLong();

    public void add(byte[] content) {
        Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
        deflater.setInput(content);
        deflater.finish();
        byte[] room = new byte[content.length + 64];
        int size = deflater.deflate(room);
        deflater.end();
        entries.add(Arrays.copyOf(room, size));
    }

    public int size() {
        return entries.size();
    }

    public InputStream open(int entry, Inflater inflater) {
        byte[] compressed = entries.get(entry);
        return new EntryInflaterStream(
                new ByteArrayInputStream(compressed), inflater, Math.min(compressed.length + 2, 4096));
    }

    public Inflater inflater() {
        return new Inflater(true);
    }

    /** The bug: what is put here for the next request is never taken out again. */
    public void recycle(Inflater inflater) {
        inflater.setInput(NOTHING); // lets go of the stream's buffer: the Java heap stays small
        recycled.add(inflater);
        kept.incrementAndGet();
    }

    public long leakedBytes() {
        return kept.get() * NATIVE_BYTES_EACH;
    }
}
