package com.acme.shop;

import com.acme.loader.NestedArchive;
import java.io.IOException;
import java.io.InputStream;
import java.util.Random;
import java.util.zip.Inflater;

/** Renders pages from the templates of a nested archive. */
final class TemplateService {
    private static final String[] WORDS = {"order", "refund", "locale", "price", "buyer", "parcel"};

    private final NestedArchive archive = new NestedArchive();
    private final byte[] page = new byte[4096];

    TemplateService() {
        Random random = new Random(42);
        for (int template = 0; template < 32; template++) {
            StringBuilder text = new StringBuilder();
            while (text.length() < 8_000) {
                text.append(WORDS[random.nextInt(WORDS.length)]).append(random.nextInt(1000)).append(' ');
            }
            archive.add(text.toString().getBytes());
        }
    }

    /** Inflate one template; a personal page "recycles" its inflater, any other page ends it. */
    long render(long request, boolean personal) throws IOException {
        Inflater inflater = archive.inflater();
        long sum = 0;
        try (InputStream template = archive.open((int) (request % archive.size()), inflater)) {
            for (int n; (n = template.read(page, 0, page.length)) > 0; ) {
                sum += page[n - 1];
            }
        }
        if (personal) {
            archive.recycle(inflater);
        } else {
            inflater.end();
        }
        return sum;
    }

    long leakedBytes() {
        return archive.leakedBytes();
    }
}
