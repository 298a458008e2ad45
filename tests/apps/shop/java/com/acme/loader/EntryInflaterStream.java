package com.acme.loader;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;

/**
 * The stream of one compressed entry of a nested archive.
 *
 * It hands its superclass an Inflater of its own, so InflaterInputStream.usesDefaultInflater is false
 * and close() never calls Inflater.end(): the native memory waits for whoever made the Inflater.
 */
final class EntryInflaterStream extends InflaterInputStream {
    private boolean padded;

    EntryInflaterStream(InputStream compressed, Inflater inflater, int bufferSize) {
        super(compressed, inflater, bufferSize);
    }

    /** Raw deflate data needs one more byte at its end (Inflater's documentation). */
    @Override
    protected void fill() throws IOException {
        try {
            super.fill();
        } catch (EOFException end) {
            if (padded) {
                throw end;
            }
            padded = true;
            len = 1;
            buf[0] = 0;
            inf.setInput(buf, 0, 1);
        }
    }
}
