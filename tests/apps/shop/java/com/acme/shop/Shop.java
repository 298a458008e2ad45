package com.acme.shop;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/**
 * A service that serves pages at a steady rate and leaks native memory on some of them.
 *
 * GET /health says ok; GET /leaked gives the bytes leaked so far by its own account; GET /rate/N
 * makes it N requests a second; GET /leak/N lets every N-th request leak (0: none). Environment: SHOP_PORT, SHOP_REQUESTS (a second), SHOP_LEAK_EVERY (the
 * n-th request leaks; 0: none), SHOP_LEAK_MIB (no more than this in one life).
 */
public final class Shop {
    private final TemplateService templates = new TemplateService();
    private final long limit = setting("SHOP_LEAK_MIB", 256) * (1L << 20);
    private volatile int leakEvery = setting("SHOP_LEAK_EVERY", 2);
    private volatile int rate = setting("SHOP_REQUESTS", 250);

    public static void main(String[] args) throws IOException {
        new Shop().serve();
    }

    private static int setting(String name, int otherwise) {
        String value = System.getenv(name);
        return value == null || value.isBlank() ? otherwise : Integer.parseInt(value.trim());
    }

    private void serve() throws IOException {
        new Thread(this::requests, "shop-exec-1").start();
        HttpServer server = HttpServer.create(new InetSocketAddress(setting("SHOP_PORT", 8080)), 16);
        server.createContext("/health", exchange -> answer(exchange, "ok"));
        server.createContext("/leaked", exchange -> answer(exchange, "" + templates.leakedBytes()));
        server.createContext("/rate/", exchange -> answer(exchange, "" + (rate = number(exchange))));
        server.createContext("/leak/", exchange -> answer(exchange, "" + (leakEvery = number(exchange))));
        server.start();
        System.out.println("shop: ready on port " + server.getAddress().getPort());
    }

    private static int number(HttpExchange exchange) {
        String path = exchange.getRequestURI().getPath();
        return Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
    }

    private static void answer(HttpExchange exchange, String text) throws IOException {
        byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private void requests() {
        for (long request = 1; ; request++) {
            try {
                handle(request);
                pause();
            } catch (IOException | InterruptedException error) {
                error.printStackTrace();
                System.exit(1);
            }
        }
    }

    private void handle(long request) throws IOException {
        int every = leakEvery;
        boolean personal = every > 0 && request % every == 0;
        templates.render(request, personal && templates.leakedBytes() < limit);
    }

    private void pause() throws InterruptedException {
        while (rate == 0) {
            Thread.sleep(50);
        }
        Thread.sleep(Math.max(1, 1000 / rate));
    }
}
