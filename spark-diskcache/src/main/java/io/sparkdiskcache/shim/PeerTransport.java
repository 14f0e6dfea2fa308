// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.network.TransportContext;
import org.apache.spark.network.client.RpcResponseCallback;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.network.client.TransportClientBootstrap;
import org.apache.spark.network.client.TransportClientFactory;
import org.apache.spark.network.crypto.AuthClientBootstrap;
import org.apache.spark.network.crypto.AuthServerBootstrap;
import org.apache.spark.network.netty.SparkTransportConf;
import org.apache.spark.network.server.OneForOneStreamManager;
import org.apache.spark.network.server.RpcHandler;
import org.apache.spark.network.server.StreamManager;
import org.apache.spark.network.server.TransportServer;
import org.apache.spark.network.server.TransportServerBootstrap;
import org.apache.spark.network.util.TransportConf;
import org.apache.spark.util.Utils;
import scala.Option;
import scala.Tuple2;

/**
 * Questions and answers between executors, over a second instance of the transport by which they
 * fetch each other's blocks: {@code spark.authenticate}, {@code spark.network.crypto.*}, SASL and
 * {@code spark.ssl.rpc.*} hold for it as they do for blocks. The port is a free one, or with {@code
 * spark.blockManager.port} the next free one from there, within {@code spark.port.maxRetries}.
 */
@Internal
public final class PeerTransport implements AutoCloseable {
  /** Settings of Spark's transport for blocks hold for this one. */
  private static final String MODULE = "shuffle";

  private static final int THREADS = 2;

  /** A peer that cannot be reached holds a task up for so long, in seconds. */
  private static final String CONNECT_SECONDS = "5s";

  private final TransportContext context;
  private final TransportServer server;
  private final TransportClientFactory clients;
  private final String host;

  private PeerTransport(
      TransportContext context,
      TransportServer server,
      TransportClientFactory clients,
      String host) {
    this.context = context;
    this.server = server;
    this.clients = clients;
    this.host = host;
  }

  /**
   * Begins to listen, in an executor.
   *
   * @param answers to questions, on threads of the transport; what it throws is told to who asked
   */
  public static PeerTransport start(UnaryOperator<ByteBuffer> answers) {
    SparkEnv env = SparkEnv.get();
    SecurityManager security = env.securityManager();
    SparkConf conf =
        env.conf()
            .clone()
            .set("spark." + MODULE + ".io.connectionCreationTimeout", CONNECT_SECONDS)
            .set("spark.network.auth.rpcTimeout", CONNECT_SECONDS);
    TransportConf transport =
        SparkTransportConf.fromSparkConf(
            conf, MODULE, THREADS, Option.empty(), Option.apply(security.getRpcSSLOptions()));
    List<TransportServerBootstrap> ofServer = List.of();
    List<TransportClientBootstrap> ofClients = List.of();
    if (security.isAuthenticationEnabled()) {
      ofServer = List.of(new AuthServerBootstrap(transport, security));
      ofClients = List.of(new AuthClientBootstrap(transport, conf.getAppId(), security));
    }
    String host = env.blockManager().blockManagerId().host();
    TransportContext context = new TransportContext(transport, new Answers(answers), true);
    try {
      TransportServer server = listen(context, host, ofServer, conf);
      return new PeerTransport(context, server, context.createClientFactory(ofClients), host);
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  private static TransportServer listen(
      TransportContext context,
      String host,
      List<TransportServerBootstrap> bootstraps,
      SparkConf conf) {
    int port = conf.getInt("spark.blockManager.port", 0);
    return Utils.startServiceOnPort(
            port == 0 ? 0 : port + 1, // that one is taken
            from -> {
              TransportServer server = context.createServer(host, (Integer) from, bootstraps);
              return new Tuple2<>(server, (Object) server.getPort());
            },
            conf,
            "diskcache peers")
        ._1();
  }

  /** Where this process listens. */
  public String host() {
    return host;
  }

  public int port() {
    return server.getPort();
  }

  /**
   * Asks another process; waits for a connection if there is none, but not for the answer.
   *
   * @param longest bytes of an answer that are taken; a longer one is a failure
   */
  public CompletableFuture<ByteBuffer> ask(String host, int port, ByteBuffer question, int longest)
      throws IOException, InterruptedException {
    TransportClient client = clients.createClient(host, port);
    CompletableFuture<ByteBuffer> answer = new CompletableFuture<>();
    client.sendRpc(
        question,
        new RpcResponseCallback() {
          @Override
          public void onSuccess(ByteBuffer response) { // valid during this call only
            int length = response.remaining();
            if (length > longest) {
              answer.completeExceptionally(
                  new IOException(
                      "an answer of %d bytes where there are %d at most"
                          .formatted(length, longest)));
            } else {
              answer.complete(ByteBuffer.allocate(length).put(response).flip());
            }
          }

          @Override
          public void onFailure(Throwable e) {
            answer.completeExceptionally(e);
          }
        });
    return answer;
  }

  @Override
  public void close() {
    clients.close();
    server.close();
    context.close();
  }

  private static final class Answers extends RpcHandler {
    private final UnaryOperator<ByteBuffer> answers;
    private final StreamManager streams = new OneForOneStreamManager(); // has none

    Answers(UnaryOperator<ByteBuffer> answers) {
      this.answers = answers;
    }

    @Override
    public void receive(TransportClient client, ByteBuffer message, RpcResponseCallback callback) {
      callback.onSuccess(answers.apply(message));
    }

    @Override
    public StreamManager getStreamManager() {
      return streams;
    }
  }
}
